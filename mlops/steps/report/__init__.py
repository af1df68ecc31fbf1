"""The report of a run: one self-contained page with the verdict, made from committed evidence alone.

The command line imports it. Start with `make`, which returns the page of an evidence commit; `evidence` reads
what it is made from, `numbers` computes what is shown, `figures` draws it, and `page` puts it together.
"""
