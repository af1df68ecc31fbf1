"""Ratings of films by their audience, predicted at release; rows come from a warehouse by SQL.

Saved models refer to functions here by path, so modules stay where they are. Start with the ``SPEC`` in
`mlops.pipelines.movie_ratings.pipeline`.
"""
