"""All handlers of the internal API. Only processes that serve it import this module."""

from functions.kit.internal_api import dead_letters, events, feeds, status

HANDLERS = (*events.HANDLERS, *feeds.HANDLERS, *dead_letters.HANDLERS, *status.HANDLERS)
