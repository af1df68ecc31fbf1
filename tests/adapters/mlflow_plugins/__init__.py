"""MLflow's plugins for `lakefs://` addresses, on an embedded server of their own."""
