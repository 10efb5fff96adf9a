"""Every handler of the internal API; imported only by a process that serves it."""

from functions.kit.internal_api import dead_letters, events, feeds

HANDLERS = (*events.HANDLERS, *feeds.HANDLERS, *dead_letters.HANDLERS)
