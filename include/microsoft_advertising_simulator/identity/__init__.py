"""Users, applications, tokens and sign-in."""
