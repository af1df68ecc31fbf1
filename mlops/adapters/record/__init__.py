"""Keys that sign the record of `main`, their rotation, and witnesses outside the lake.

Steps and the command line may import it; the core sees the protocols `Signer`, `Trust` and `RecordWitness`
only. Start with `signing`.
"""
