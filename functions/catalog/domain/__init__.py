"""Rules of the catalogue: no I/O, no framework.

`books.py` is what a book is. What it is found, recognised and sorted by: `folding.py`, what is the
same to a reader; `words.py` and `search.py`, the words of a title; `text.py`, authors and
categories; `sorting.py`; `isbn.py`. `listing.py` and `versions.py` are how it is asked for;
`csv_records.py`, `numbers.py` and `import_rows.py` read a file of books.
"""
