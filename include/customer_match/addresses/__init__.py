"""Turn the values of e-mail columns into members: validate, normalise and hash addresses."""
