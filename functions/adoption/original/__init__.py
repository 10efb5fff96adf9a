"""Reads the original: from its databases (`live.py`) or from dumps of them (`dump.py`).

Both check the tables (`schema.py`) and fill one private SQLite file (`staging.py`), so that what
follows works on one state of the data, in bounded memory.
"""
