"""The audit: replay the history of `main` and its tags against the protocol and report deviations.

Steps and the command line import `audit`; the other modules check one kind of commit or tag each. Start with
`audit`, then `subject`, the value that all checks read.
"""
