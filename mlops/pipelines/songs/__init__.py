"""Songs for playlists: recommendations from playlists that hold the same songs, and from how songs sound.

Saved models refer to classes here by path, so modules stay where they are. The data that comes with this
pipeline is synthetic (`synthetic`); the published file of the same form is read with ``mlops ingest --file``.
Start with `pipeline`, which holds the ``SPEC``.
"""
