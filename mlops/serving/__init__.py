"""The champion behind HTTP: promoted models answer requests, and are exchanged when `main` changes.

The command line imports it; it imports steps, adapters and pipelines, and no other part of the product
imports it. Start with `package` (what is served, as files of a promotion), then `service` (one pipeline's
model, and how it is exchanged), then `app` (the HTTP interface).
"""
