"""Stock, purchases, payments and deliveries. Only this service decides whether a book is sold.

A purchase, in file order: `controllers/purchases.py` → `schemas/purchases.py` →
`commands/purchases.py` → `domain/` → `storage/` and `events.py` → the kit's outbox.
"""
