"""What is done to a repository, without a word of HTTP."""
