"""Writes to the databases of the services: `databases.py` checks them, `journal.py` remembers how
far a move has come, `moving.py` writes in batches.
"""
