"""Moves the data of the original shop, three MySQL databases or dumps of them, into this one.

`__main__.py` is the command. It reads the original (`original/`), decides about each row without
I/O (`domain/`), writes to the databases of the services (`target/`), and reports (`report.py`).
`docs/adopting.md` is its guide.
"""
