"""Stock, purchases, payments and deliveries: the service that decides a sale, alone.

A purchase, in file order: `controllers/purchases.py` → `schemas.py` → `commands/purchases.py` →
`domain.py` → `tables.py` and `events.py` → the kit's outbox.
"""
