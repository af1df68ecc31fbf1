"""Grammars of names, ref expressions, branch patterns and ids, as lakeFS accepts them.

Every part of the server may import it, and it imports nothing but the server's errors. Start with
`ref_expressions`.
"""
