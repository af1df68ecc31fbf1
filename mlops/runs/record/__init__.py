"""The signed, hash-chained record of `main`: statements of changes and notes, the chain, its witnesses."""
