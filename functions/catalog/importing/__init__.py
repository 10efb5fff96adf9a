"""Parsing of suppliers' CSV files, without I/O.

`csv_records.py` parses bytes into records, `rows.py` records into rows, `numbers.py` amounts;
`commands/imports.py` writes the books.
"""
