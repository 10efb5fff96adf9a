"""`python -m functions.kit.start.code_cache_builder FACTORY FILE`: writes an image's code cache.

It starts the service as `start` does, public door only, with a database that nobody answers for,
asks it one thing and ends it: what Python has imported and compiled by then is what is kept. An
internal door has some thirty modules more, which it imports from their files; they would cost each
public start more than they save. Next file: `postponed`.
"""

import os
import sys
from collections.abc import Container
from importlib import import_module
from importlib.machinery import SourceFileLoader
from typing import Any

from functions.kit.start import code_cache, postponed
from functions.kit.start.stdlib_compile_cache import record

LIMIT = 30.0
"""Seconds for the one answer."""
NOWHERE = "mysql://nobody@127.0.0.1:9/nothing"
"""Port 9 discards, where anybody listens on it at all."""


def main() -> None:
    factory, file = sys.argv[1:]
    told = {"EXPOSED_API": "public", "LOG_FORMAT": "json", "LOG_LEVEL": "WARNING"}
    os.environ.update(told, DATABASE_URL=NOWHERE)
    there = set(sys.modules)  # as when `start` begins to use the cache
    compiled = record()
    postponed.postpone()
    start_and_end(factory)
    modules = imported(there)
    code_cache.write(file, modules, compiled)
    kept = f"{len(modules)} modules, {len(compiled.texts)} texts, {len(compiled.patterns)} patterns"
    print(f"{file}: {kept}")


def start_and_end(factory: str) -> None:
    """A start up to an answer, and what the first statement to the database loads."""
    # Here, not above: what they compile is to be recorded too.
    import asyncio  # noqa: PLC0415
    import logging  # noqa: PLC0415

    from functions.kit.start.serve import ColdServer, configuration  # noqa: PLC0415

    class Server(ColdServer):
        answer = b""

        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            listening = self.servers[0].sockets[0]
            async with asyncio.timeout(LIMIT):
                reader, writer = await asyncio.open_connection(*listening.getsockname())
                writer.write(
                    b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
                )
                self.answer = await reader.read()
            writer.close()
            self.should_exit = True

    # Its chores would say that there is no database; what is wrong with a start, uvicorn says.
    logging.getLogger("functions").setLevel(logging.CRITICAL)
    server = Server(configuration(factory, port=0))
    server.run()
    if not server.answer.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"{factory} did not start: {server.answer[:200]!r}")
    import_module("functions.kit.mysql.connection")


def imported(there: Container[str]) -> code_cache.Modules:
    """What was loaded from sources since then."""
    modules: code_cache.Modules = {}
    for name, module in sys.modules.items():
        # Not getattr: a module that still waits would be loaded by it.
        spec = object.__getattribute__(module, "__dict__").get("__spec__")
        loader = getattr(spec, "loader", None)
        # A module may be there under two names; its loader knows its own.
        if name in there or type(loader) is not SourceFileLoader or spec.name != name:
            continue
        if code := loader.get_code(name):
            is_package = spec.submodule_search_locations is not None
            modules[name] = (loader.path, spec.cached, is_package, code)
    return modules


if __name__ == "__main__":
    main()
