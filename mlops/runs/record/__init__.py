"""The signed, hash-chained record of `main`: statements of changes and notes, the chain, its witnesses.

Operations that change `main` import `changes` to sign the change; the audit imports `findings`. Start with
`links`, which defines the chain.
"""
