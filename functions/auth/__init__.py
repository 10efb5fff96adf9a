"""Accounts, roles, access and refresh tokens, and the keys that sign them.

Other services verify tokens themselves: auth publishes its keys, and publishes revocations as
events. Start reading at `app.py`.
"""
