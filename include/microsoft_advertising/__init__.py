"""Client of Microsoft Advertising: tokens, transports, audiences, bulk uploads, errors."""
