"""A local simulator of Microsoft Advertising: a real HTTP server, independent of the client that it checks."""
