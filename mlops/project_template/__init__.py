"""New projects: the files that ``mlops new`` writes, and what they say about a sample of data.

The texts are in ``files``, with placeholders such as ``@name@``. The command line imports this package; it
imports adapters and pipelines. Start with `writing`.
"""
