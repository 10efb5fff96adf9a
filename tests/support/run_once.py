"""A start that ends itself, for programs that look at what a start does.

It imports nothing of the shop before it is called: what a start imports is what those look at.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functions.kit.http.connections import ServerConfig


def serve_briefly(config: "ServerConfig", listening: Callable[[], None] = lambda: None) -> None:
    """Start a service, call this when it listens, and end it."""
    from functions.kit.start.serve import ColdServer

    def end() -> None:
        listening()
        server.should_exit = True

    server = ColdServer(config, end)
    server.run()
