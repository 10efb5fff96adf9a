"""Writes: one function, one use case, one transaction, with the events that tell of it.

`books.py` is what staff do to one book, `imports.py` to a file of them, `stock.py` what purchase
has told.
"""
