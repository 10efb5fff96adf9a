"""Stock, purchases, payments and deliveries. Only this service decides whether a book is sold.

A purchase, in file order: `controllers/purchases.py` → `schemas.py` → `commands/purchases.py` →
`domain/` → `storage.py` and `events.py` → the kit's outbox.
"""
