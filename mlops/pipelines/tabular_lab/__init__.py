"""The pipeline tabular-lab: versions of a synthetic table of customers, without a model.

Runs, checks and tests ask `mlops.pipelines.pipeline` for its `SPEC`; it imports the specification and the
core's values. Start with `pipeline`, then `customers`, which makes the rows.
"""
