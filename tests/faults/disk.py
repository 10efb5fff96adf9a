"""A disk that can be full: the one that a SQLite shop's data are on.

A tmpfs of its own, where this process may mount one; else files that may not grow (RLIMIT_FSIZE),
which is as much as a program can tell. Next file: `processes.py`.
"""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.faults.processes import Process

SIZE = "1g"
"""Of the tmpfs while it is not full; only what is written takes memory."""
ROOM = 65536
"""Bytes that are left on a disk that is about to be filled."""


@contextlib.contextmanager
def disk(folder: Path) -> Iterator[None]:
    """Mounted there, if that is allowed."""
    mounted = _mount("-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder)
    try:
        yield
    finally:
        if mounted:
            _run("umount", "-l", folder)


@contextlib.contextmanager
def full(folder: Path, writers: Sequence[Process]) -> Iterator[None]:
    """Nothing more can be written into the folder."""
    if not folder.is_mount():
        largest = max(file.stat().st_size for file in folder.iterdir())
        with contextlib.ExitStack() as stack:
            for process in writers:
                stack.enter_context(process.no_file_beyond(min(largest, 4096)))
            yield
        return
    size = shutil.disk_usage(folder).used + ROOM
    assert _mount("-o", f"remount,size={size}", folder)
    ballast = folder / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file:
            for piece in (4096, 1):
                with contextlib.suppress(OSError):
                    while file.write(b"\0" * piece):
                        pass
        yield
    finally:
        ballast.unlink()
        _mount("-o", f"remount,size={SIZE}", folder)


def _mount(*arguments: object) -> bool:
    return shutil.which("mount") is not None and _run("mount", *arguments)


def _run(*command: object) -> bool:
    words = list(map(str, command))
    return subprocess.run(words, capture_output=True, check=False).returncode == 0  # noqa: S603
