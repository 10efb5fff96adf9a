"""What becomes of each row of the original; no I/O, no framework.

`findings.py` has the words of the report, `decisions.py` what the owner decides; the others map
the rows of a table: `users.py`, `books.py`, `purchases.py`, `deliveries.py`.
"""
