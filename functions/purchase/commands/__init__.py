"""Writes: one function, one use case, one transaction with its events in it.

Each loads objects, calls the domain, and stores the result. `purchases.py` places purchases,
`lifecycle.py` ends unpaid ones, `payments.py` and `deliveries.py` pay and deliver the others,
`providers.py` has delivery providers, `inventory.py` the stock, `books.py` the books that catalog
publishes. `reconciliation.py` completes payments and refunds that a killed process left open.
"""
