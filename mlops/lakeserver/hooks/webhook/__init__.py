"""Webhooks: one POST to an address that the settings allow, with its body and secrets filled in.

Only `mlops.lakeserver.hooks` imports it. Start with `webhook`.
"""
