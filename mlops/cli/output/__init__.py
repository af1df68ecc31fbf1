"""Printing: sentences for people, JSON for scripts, progress, and errors with exit codes.

Only the command line imports it. Start with `results`, the value that every command returns.
"""
