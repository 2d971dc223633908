"""The pages of connections to Microsoft Advertising: list, add, edit, agree to data privacy, sign in, test, remove."""
