"""The HTTP handlers: parse → command or query → schema. They contain no SQL and no rule."""

from functions.auth.controllers import accounts, administration, logins, passwords

HANDLERS = (*logins.HANDLERS, *accounts.HANDLERS, *passwords.HANDLERS, *administration.HANDLERS)

__all__ = ["HANDLERS"]
