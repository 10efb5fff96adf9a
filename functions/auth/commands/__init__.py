"""Writes: one function, one use case, one transaction with its events in it.

Use cases that verify a password have two transactions: the try is counted and committed first, and
stays counted whatever follows. `shared.py` has the steps of several use cases.
"""

from functions.auth.commands.accounts import (
    change_password,
    change_profile,
    close_account,
    register,
)
from functions.auth.commands.administration import change_user, ensure_first_admin, make_admin
from functions.auth.commands.logins import log_in, log_out, refresh
from functions.auth.commands.maintenance import prepare, purge
from functions.auth.commands.password_resets import (
    announce_resets,
    create_link,
    request_reset,
    reset_password,
)
from functions.auth.commands.shared import TokenPair
from functions.auth.signing import rotate_key

__all__ = [
    "TokenPair",
    "announce_resets",
    "change_password",
    "change_profile",
    "change_user",
    "close_account",
    "create_link",
    "ensure_first_admin",
    "log_in",
    "log_out",
    "make_admin",
    "prepare",
    "purge",
    "refresh",
    "register",
    "request_reset",
    "reset_password",
    "rotate_key",
]
