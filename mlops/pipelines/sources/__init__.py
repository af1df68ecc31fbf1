"""Sources: where a pipeline's arrivals come from.

A pipeline's specification opens one; ingests and the command line ask it. Start with `source`, which says
what a source is.
"""

from mlops.pipelines.sources.source import FunctionSource, Options, Source

__all__ = ["FunctionSource", "Options", "Source"]
