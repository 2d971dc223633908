"""From the text of a column to digests: what an e-mail address is, and the member that it becomes."""
