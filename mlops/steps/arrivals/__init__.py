"""Arrivals: from a pipeline's source or a user's files to a validated commit of `main`.

The record of where the rows came from is made here too. The command line, the demo and checks of pipelines
import it. Start with `ingest`.
"""
