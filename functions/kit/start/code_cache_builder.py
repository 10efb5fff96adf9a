"""`python -m functions.kit.start.code_cache_builder FACTORY FILE`: builds an image's code cache.

It starts the service with the public API only and an unreachable database, sends one request, and
stops it. The cache contains what Python has imported and compiled by then, and what the service's
first own request imports: the database driver, or what the app's module names in `FIRST_REQUEST`.
The internal API has about thirty more modules, which are imported from their files: in the cache
they would slow down each start of the public API by more than they save.
"""

import os
import sys
from collections.abc import Container
from importlib import import_module
from importlib.machinery import SourceFileLoader
from typing import Any

from functions.kit.start import code_cache, lazy_modules
from functions.kit.start.stdlib_compile_cache import record

LIMIT = 30.0
"""Seconds for the response."""
UNREACHABLE = "mysql://nobody@127.0.0.1:9/nothing"
"""Port 9 is the discard protocol's."""
FIRST_REQUEST = ("functions.kit.mysql.connection",)
"""Modules that a service with a database imports with its first query."""


def main() -> None:
    factory, file = sys.argv[1:]
    settings = {"EXPOSED_API": "public", "LOG_FORMAT": "json", "LOG_LEVEL": "WARNING"}
    os.environ.update(settings, DATABASE_URL=UNREACHABLE)
    before = set(sys.modules)  # the same as when `__main__` begins to use the cache
    compiled = record()
    lazy_modules.install()
    start_and_stop(factory)
    modules = imported_since(before)
    code_cache.write(file, modules, compiled)
    size = f"{len(modules)} modules, {len(compiled.texts)} texts, {len(compiled.patterns)} patterns"
    print(f"{file}: {size}")


def start_and_stop(factory: str) -> None:
    """Start the service up to a response, and import what its first own request needs."""
    # Imported here, so that what they compile is recorded.
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

    # The background tasks log that the database is unreachable. uvicorn's errors are still logged.
    logging.getLogger("functions").setLevel(logging.CRITICAL)
    server = Server(configuration(factory, port=0))
    server.run()
    if not server.answer.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"{factory} did not start: {server.answer[:200]!r}")
    app = import_module(factory.partition(":")[0])
    for name in getattr(app, "FIRST_REQUEST", FIRST_REQUEST):
        import_module(name)


def imported_since(before: Container[str]) -> code_cache.Modules:
    """The modules that were imported from source files since then."""
    modules: code_cache.Modules = {}
    for name, module in sys.modules.items():
        # Not getattr, which would load a lazy module.
        spec = object.__getattribute__(module, "__dict__").get("__spec__")
        loader = getattr(spec, "loader", None)
        # A module may have a second name in sys.modules, an alias.
        if name in before or type(loader) is not SourceFileLoader or spec.name != name:
            continue
        if code := loader.get_code(name):
            is_package = spec.submodule_search_locations is not None
            modules[name] = (loader.path, spec.cached, is_package, code)
    return modules


if __name__ == "__main__":
    main()
