"""A Git-style workflow for data experiments: every run on its own lakeFS branch, merged only if it wins."""

__version__ = "0.1.0"
