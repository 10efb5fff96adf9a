"""Writes: one function, one use case, one transaction with its events in it.

`purchases.py` sells, `lifecycle.py` moves a purchase on, `payments.py` and `deliveries.py` are
what happens to it then, `inventory.py` is the stock, `books.py` takes in what catalog tells.
"""
