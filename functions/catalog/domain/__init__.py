"""Rules of the catalogue: no I/O, no framework.

`books.py` defines a book and its rules, `isbn.py` ISBNs, `stock.py` the stock that purchase
reports, `listing.py` the filters and orders of a list, `characters.py` invisible characters.
"""
