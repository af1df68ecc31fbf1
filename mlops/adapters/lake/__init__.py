"""The lakeFS client: connections, credentials, objects, and the errors that lakeFS answers with.

Everything outside the core and the embedded server may import it. Start with `lake`, which implements the
`Lake` port, then `connection`.
"""
