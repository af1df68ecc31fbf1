"""Benchmarks: what is bounded is measured side by side in one run. Never run by pytest."""
