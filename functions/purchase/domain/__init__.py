"""The rules of selling, decided on frozen objects: no I/O, no framework.

`purchases.py`, `payments.py`, `deliveries.py` and `stock.py` each hold one object with what can
become of it; `moves.py` holds what concerns several of them at once, and is what commands call.
`holdings.py` bounds what one customer keeps from the others, `cards.py` finds card numbers.
"""
