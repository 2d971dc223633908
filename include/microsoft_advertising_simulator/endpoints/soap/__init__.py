"""The SOAP endpoints: the service's contract as tables, a reader and a writer of XML, and the routes."""
