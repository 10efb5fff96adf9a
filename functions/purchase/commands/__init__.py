"""Writes: one function, one use case, one transaction with its events in it.

Each loads what it concerns, calls the domain, and stores what that decides. `purchases.py` sells,
`lifecycle.py` ends unpaid purchases, `payments.py` and `deliveries.py` are what happens to the
others, `providers.py` is who delivers, `reconciliation.py` finishes what a killed process left,
`inventory.py` is the stock, `books.py` records what catalog publishes.
"""
