"""The HTTP handlers of the public API; `internal.py` has those of the internal one."""

from functions.notifications.controllers.preferences import HANDLERS

__all__ = ["HANDLERS"]
