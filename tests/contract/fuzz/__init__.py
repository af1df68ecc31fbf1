"""A differential fuzzer: the same random requests to the embedded server and to a real lakeFS."""
