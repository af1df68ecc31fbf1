"""Pipelines: extraction, features, model, and the specification that names them.

A built-in pipeline is a folder here with a ``SPEC``, a line in `PIPELINES` and a folder in ``expectations/``;
others are declared outside, see `mlops.pipelines.registry`. Steps and the command line import this package; a
pipeline imports only the values of `mlops.runs`. Start with `spec`.
"""

from __future__ import annotations

from collections.abc import Mapping

from mlops.pipelines.registry import pipeline

__all__ = ["PIPELINES", "pipeline"]

#: Name to module and attribute of the specification of each built-in pipeline; imported when it is asked for.
PIPELINES: Mapping[str, str] = {
    "bike-sharing": "mlops.pipelines.bike_sharing.pipeline:SPEC",
    "flights": "mlops.pipelines.flights.pipeline:SPEC",
    "movie-ratings": "mlops.pipelines.movie_ratings.pipeline:SPEC",
    "songs": "mlops.pipelines.songs.pipeline:SPEC",
    "spotify-genre": "mlops.pipelines.spotify_genre.pipeline:SPEC",
    "tabular-lab": "mlops.pipelines.tabular_lab.pipeline:SPEC",
}
