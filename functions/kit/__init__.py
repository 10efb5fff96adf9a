"""What every service shares. It has no business rules: no books, users or purchases.

`app.py` assembles the parts; start reading there.
"""
