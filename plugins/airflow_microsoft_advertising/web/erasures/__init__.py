"""The page of the requests for erasure in an export's workspace."""
