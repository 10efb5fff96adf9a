"""The mailbox of a shop on one machine: an SMTP server that delivers nothing, and shows all.

`__main__.py` runs it, `store.py` keeps the mails, `app.py` answers the storefront's `/dev/mail`.
"""
