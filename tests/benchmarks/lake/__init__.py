"""The lake server side by side with a real lakeFS."""
