"""The only Dagster imports of the project."""
