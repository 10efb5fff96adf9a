"""What every service needs, and nothing that knows a book, a user or a purchase.

`app.py` puts the parts together; read it first, then what it imports.
"""
