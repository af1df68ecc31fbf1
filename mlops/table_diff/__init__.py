"""The difference between two versions of a table, counted alike by the command line and the server's pages.

Rows are matched by the key that the caller names, else by the named index that pandas recorded in both files,
if it identifies their rows; without a key they are matched as a whole by the columns that both tables have,
and a row in which a value changed counts as one removed and one added. Adapters, the command line and the
embedded server may import it, and it imports pyarrow alone. Start with `comparison`.
"""

#: Said beside counts of rows that were matched without a key.
WHOLE_ROWS = "no key is known, so a changed row counts as one removed and one added"
