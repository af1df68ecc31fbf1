"""Runs for people: listed, filtered and sorted, or one of them with all that is on record.

The command line and the report import it. Start with `book`, which reads every run of a repository once, then
`details`, which tells all about one.
"""
