"""The rules of selling, on frozen objects: no I/O, no framework.

`purchases.py`, `payments.py`, `deliveries.py` and `stock.py` each have one object and its
transitions; `transitions.py` has those of several objects at once, which commands call.
`holdings.py` limits the unpaid copies of one customer, `cards.py` finds card numbers,
`countries.py` has the coverage of delivery providers.
"""
