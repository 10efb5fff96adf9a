"""Output of a command whose reader may go away, as with `| head -1`."""

import io
import os
import sys
from typing import BinaryIO, cast


def keep_running_unread() -> None:
    """Let this process go on, without output, once nobody reads it any more.

    A command then ends as it would with a reader: it finishes what it has begun, and its exit code
    is true. Without this, the next write raises `BrokenPipeError` in the middle of the work, and
    Python reports another one at exit.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        # Not one that somebody has put there, as tests do.
        if stream is getattr(sys, f"__{name}__") and isinstance(stream, io.TextIOWrapper):
            stream.flush()
            setattr(sys, name, _reopened(stream))


def _reopened(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    raw = _Output(stream.fileno(), "wb", closefd=False)
    # Without a buffer where Python has none: `python -u`, and PYTHONUNBUFFERED, as in the images.
    return io.TextIOWrapper(
        cast("BinaryIO", raw) if stream.write_through else io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class _Output(io.FileIO):
    def write(self, data: object, /) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]  # typeshed's Buffer, from 3.12
        except BrokenPipeError:
            # The number stays in use, and the programs that this one starts write there too.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return memoryview(data).nbytes  # type: ignore[arg-type]
