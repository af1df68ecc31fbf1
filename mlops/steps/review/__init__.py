"""Review by a person: approval and rejection of a run, and the override of a refusal.

The command line imports it. Start with `acts`.
"""
