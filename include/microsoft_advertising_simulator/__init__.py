"""A local stand-in of Microsoft Advertising: a real HTTP server, independent of the client that it checks."""
