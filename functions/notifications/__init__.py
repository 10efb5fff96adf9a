"""The mails of the shop: what events say, to the people whom it concerns.

Start reading at `app.py`, and for the way of a mail at `subscriptions.py`.
"""
