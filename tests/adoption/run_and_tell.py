"""The command in a process of its own, which says on standard output when a batch is committed."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from functions.adoption import __main__
from functions.adoption.target import moving

_write: Callable[..., Awaitable[None]] = moving._write


async def _write_and_tell(database: Any, step: str, *arguments: Any) -> None:
    writing = asyncio.ensure_future(_write(database, step, *arguments))
    os.write(1, b"written " + step.encode() + b"\n")  # the kill may come before the commit
    await writing


if __name__ == "__main__":
    moving._write = _write_and_tell  # type: ignore[assignment]
    sys.exit(__main__.main())
