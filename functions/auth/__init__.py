"""auth: accounts, roles, access and refresh tokens, and the keys that sign them.

`app.py` is where to begin. Nobody asks this service whether a token is good: it publishes its
keys, and tells of what it ended as events.
"""
