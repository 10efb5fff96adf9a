"""Rules of the catalogue: no I/O, no framework.

`books.py` is what a book is, `isbn.py` and `text.py` what it is found by, `listing.py` and
`versions.py` how it is asked for; `csv_records.py` and `import_rows.py` read a file of books.
"""
