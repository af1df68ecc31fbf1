"""Profiles of tables: columns, missing values, quantiles, frequent values, histograms.

Runs of pipelines without a model and the command line import this package; it imports pandas and the errors
of the core. Start with `profile`.
"""
