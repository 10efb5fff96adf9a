"""The HTTP door: parse, command or query, schema."""

from functions.auth.controllers import accounts, administration, logins

HANDLERS = (*logins.HANDLERS, *accounts.HANDLERS, *administration.HANDLERS)

__all__ = ["HANDLERS"]
