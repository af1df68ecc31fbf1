"""An embedded, durable, lakeFS-compatible server. It imports nothing else of the project."""
