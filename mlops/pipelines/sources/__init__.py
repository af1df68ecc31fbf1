"""Sources: where a pipeline's arrivals come from.

A pipeline's specification opens one, or settings describe one that reads files or a database; ingests and
the command line ask it. Start with `source`, which says what a source is, then `configured`.
"""

from mlops.pipelines.sources.source import Extracted, FunctionSource, Options, Origin, Source

__all__ = ["Extracted", "FunctionSource", "Options", "Origin", "Source"]
