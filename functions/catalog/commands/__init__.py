"""Writes: one function, one use case, one transaction, with its events in it.

`books.py` has what staff do to one book, `imports.py` a file of books, `stock.py` the stock that
purchase reports.
"""
