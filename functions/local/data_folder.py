"""The folder of a local shop: its databases, logs, and what the runner stores between runs.

A marker file identifies it, so that no other folder's files are ever deleted.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from functions.local.errors import DataFolderError
from functions.local.invocation import command

VERSION = 1

_MARKER = "bookstore.json"
_LOCK = "lock"
_KIND = "bookstore data"
# A folder without a marker may hold these: a service started by hand creates its database there.
_KNOWN_FILES = {
    _MARKER,
    _LOCK,
    "logs",
    "admin.json",
    "accounts.json",
    "session-key.json",
    "seeded.json",
    "running.json",
    "mysql.json",
    "rabbitmq.json",
}
# --fresh keeps these: they list what was created on servers, and so has to be deleted there.
_KEPT = {_LOCK, "mysql.json", "rabbitmq.json"}
_DATABASE_FILES = ("auth.db", "catalog.db", "purchase.db", "broker.db")


class DataFolder:
    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def database(self, program: str) -> Path:
        return self.path / f"{program}.db"

    @contextmanager
    def in_use(self, *, fresh: bool) -> Iterator[None]:
        """Locked, created or emptied, and writable until the end of the block.

        Raises DataFolderError.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            entries = {entry.name for entry in self.path.iterdir()}
            self._refuse_foreign_files(entries)
            lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unusable("used", error) from error
        try:
            self._lock(lock)
            self._prepare(fresh=fresh)
            yield
        finally:
            os.close(lock)

    def read(self, name: str) -> dict[str, Any] | None:
        try:
            content = json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise DataFolderError(
                f"{self.path / name} cannot be read ({error}); start again with --fresh."
            ) from error
        return content if isinstance(content, dict) else None

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Atomic. Only the owner can read the file, as it may hold passwords."""
        temporary = self.path / f".{name}.new"
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2, ensure_ascii=False)
        temporary.replace(self.path / name)

    def delete(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)

    def _refuse_foreign_files(self, entries: set[str]) -> None:
        if _MARKER in entries:
            if (marker := self._read_marker()) is None or marker.get("kind") != _KIND:
                raise DataFolderError(self._foreign(_MARKER))
            return
        for name in sorted(entries):
            if name not in _KNOWN_FILES and not name.startswith(_DATABASE_FILES):
                raise DataFolderError(self._foreign(name))

    def _foreign(self, name: str) -> str:
        return (
            f"{self.path} is not a data folder of the bookstore: it contains {name}. Nothing was "
            "changed. Choose another with --data FOLDER or BOOKSTORE_DATA."
        )

    def _unusable(self, verb: str, error: OSError) -> DataFolderError:
        return DataFolderError(
            f"The data folder {self.path} cannot be {verb}: {error.strerror}. "
            "Choose another with --data FOLDER or BOOKSTORE_DATA."
        )

    def _read_marker(self) -> dict[str, Any] | None:
        try:
            marker = json.loads((self.path / _MARKER).read_text(encoding="utf-8"))
        except ValueError:
            return None
        return marker if isinstance(marker, dict) else None

    def _lock(self, lock: int) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataFolderError(
                f"Another shop runs on {self.path}. Stop it, or give this one another folder with "
                "--data FOLDER and other ports with --port-base."
            ) from error

    def _prepare(self, *, fresh: bool) -> None:
        if fresh:
            self._empty()
        marker = self._read_marker() if (self.path / _MARKER).exists() else None
        if marker is not None and marker.get("version") != VERSION:
            raise DataFolderError(
                f"The data in {self.path} are of version {marker.get('version')}, this shop needs "
                f"version {VERSION}. {command('dev -- --fresh')} deletes them; --data FOLDER keeps "
                "them and uses another folder."
            )
        try:
            # It holds passwords and customers' data.
            self.path.chmod(0o700)
            self.logs.mkdir(exist_ok=True)
            self.write(_MARKER, {"kind": _KIND, "version": VERSION})
        except OSError as error:
            raise self._unusable("written to", error) from error

    def _empty(self) -> None:
        # The marker goes last: an interrupted deletion leaves a folder that is still recognised.
        entries = sorted(self.path.iterdir(), key=lambda entry: entry.name == _MARKER)
        for entry in entries:
            if entry.name in _KEPT:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
