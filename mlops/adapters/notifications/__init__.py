"""Notifications about what happened: JSON to a webhook, a line to a chat, a mail.

They are sent after the fact, within bounded time, and nothing depends on them. The command line imports it.
Start with `events`, then `channels` and `delivery`.
"""
