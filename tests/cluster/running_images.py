"""Images that are built by `dockerfile.py` and run as in a container.

As another user, with only the container's environment, and with only /tmp writable.
"""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

import httpx
import pytest

from tests.cluster.dockerfile import Stage, build, python_of_the_image, shim
from tests.support.independence import NOBODY, peers
from tests.support.processes import START_LIMIT
from tests.support.users import as_user

IMAGE_USER = 10001
PYTHONS = ("this", "its own")
"""This Python, and the version of the base image."""

BuildImage = Callable[[str, str], Stage]


def build_image(folder: Path, service: str, kind: str) -> Stage:
    """The image of a service on one of `PYTHONS`; the test is skipped where there is none."""
    python = this_python() if kind == "this" else python_of_the_image()
    if python is None:
        pytest.skip("this machine has no Python of the version that the image has")
    home = folder / f"{service}-{kind.rsplit(maxsplit=1)[-1]}"
    home.mkdir()
    arguments = {"SERVICE": service, "VERSION": "1.2.3", "REVISION": "abc"}
    stage = build(home, arguments, python)
    # The root file system of a container is read-only.
    subprocess.run(["chmod", "-R", "a-w,a+rX", str(stage.root)], check=True)  # noqa: S603, S607
    return stage


def this_python() -> str:
    """This Python, without the packages of its environment."""
    return str(getattr(sys, "_base_executable", sys.executable))


def service_of(image: Stage) -> str:
    return image.environment["SERVICE"]


def files_of(image: Stage) -> set[Path]:
    return set(image.root.rglob("*"))


def environment(image: Stage, scratch: Path, option: str = "") -> dict[str, str]:
    """The container's environment, with its paths below the image's folder."""
    shims = shim(scratch, f"{image.python} -S -W error::DeprecationWarning {option}")
    return {
        **image.variables(),
        "PATH": f"{shims}:/usr/bin:/bin",
        "HOME": "/nonexistent",
        "TMPDIR": str(scratch),
        "DATABASE_URL": f"sqlite:///{scratch}/data.db",
        "LOG_FORMAT": "json",
        **dict.fromkeys(peers(), NOBODY),
    }


async def run(
    image: Stage,
    environ: Mapping[str, str],
    *words: str,
    stderr: IO[bytes] | None = None,
    user: int = IMAGE_USER,
) -> asyncio.subprocess.Process:
    """As the given user where that is possible, else as the current one."""
    return await asyncio.create_subprocess_exec(
        *(as_user(user) or []), *words, cwd=image.path("."), env=environ, stderr=stderr
    )


@asynccontextmanager
async def started(
    image: Stage,
    environ: Mapping[str, str],
    stderr: IO[bytes] | None = None,
    user: int = IMAGE_USER,
) -> AsyncIterator[tuple[httpx.AsyncClient, asyncio.subprocess.Process]]:
    """The image's own command, once it answers /readyz."""
    process = await run(image, environ, *image.command, stderr=stderr, user=user)
    base = f"http://127.0.0.1:{environ['PORT']}"
    try:
        async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=60) as client:
            async with asyncio.timeout(START_LIMIT):
                while not await ready(client):
                    assert process.returncode is None
                    await asyncio.sleep(0.05)  # an open port cannot be awaited
            yield client, process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
