"""catalog is woken before the storefront imports anything."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from functions.kit.start import before_start as kit
from functions.storefront import before_start

ROOT = Path(__file__).parents[2]

_BEGIN = """
import sys
from functions.kit.start.before_start import begin
begin("functions.storefront.app:create_app")
print("litestar" in sys.modules, flush=True)
sys.stdin.read()
"""


async def test_the_first_thing_that_a_start_does_is_a_request_to_catalog() -> None:
    """It has been sent although nothing of the app is imported, and nobody waits for its answer."""
    heads: asyncio.Queue[bytes] = asyncio.Queue()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        await heads.put(head)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _BEGIN),
        cwd=ROOT,
        env={"CATALOG_URL": f"http://127.0.0.1:{port}/catalog"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        head = await heads.get()
        imported, _ = await process.communicate(b"")  # closes its stdin, which ends it
    server.close()
    await server.wait_closed()

    assert head.startswith(b"GET /catalog/livez HTTP/1.1\r\n")
    assert imported == b"False\n"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://[", "https://127.0.0.1:1", "http://x.invalid:99999", "x"]
)
def test_a_catalog_that_cannot_be_reached_ends_no_start(url: str) -> None:
    """The page that needs it says so."""
    before_start.wake(url)


@pytest.mark.parametrize("factory", ["functions.catalog.app:create_app", "nowhere.app:create_app"])
def test_a_service_without_such_a_module_starts_as_ever(factory: str) -> None:
    """`begin` raises nothing if the package has no module `before_start`, or does not exist."""
    kit.begin(factory)
