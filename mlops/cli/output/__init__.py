"""Printing: sentences for people, JSON for scripts, progress, and errors with exit codes.

Only the command line imports it; it imports values of the core and formats them. Start with `results`, the
value that every command returns.
"""
