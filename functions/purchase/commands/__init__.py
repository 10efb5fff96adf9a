"""Writes. Each function is one use case in one transaction, which also writes the events.

Each loads objects, calls the domain, and stores the result. `purchases.py` places purchases,
`lifecycle.py` ends unpaid ones, `payments.py` and `deliveries.py` pay and deliver the others,
`providers.py` has delivery providers, `customers.py` addresses and carts, `inventory.py` the stock,
`books.py` the books that catalog publishes. `reconciliation.py` completes payments and refunds that
a killed process left open.
"""
