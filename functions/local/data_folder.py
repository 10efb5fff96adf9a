"""The one folder where everything of the local shop lies: databases, logs, what the runner
remembers. It is recognised by its stamp, so that nothing else is ever deleted.
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

_STAMP = "bookstore.json"
_LOCK = "lock"
_KIND = "bookstore data"
# What a service or the broker, started by hand, may have put there before any stamp.
_OURS = {
    _STAMP,
    _LOCK,
    "logs",
    "admin.json",
    "accounts.json",
    "seeded.json",
    "running.json",
    "mysql.json",
    "rabbitmq.json",
}
# Also when all begins anew: what was made on a server must be known, to be unmade.
_KEPT = {_LOCK, "mysql.json", "rabbitmq.json"}
_OUR_DATABASES = ("auth.db", "catalog.db", "purchase.db", "broker.db")


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
        """Ours until the end of the block, made or emptied first, and fit to write to."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            entries = {entry.name for entry in self.path.iterdir()}
            self._refuse_strangers(entries)
            lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DataFolderError(
                f"The data folder {self.path} cannot be used: {error.strerror}. "
                "Choose another with --data FOLDER or BOOKSTORE_DATA."
            ) from error
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
                f"{self.path / name} cannot be read ({error}); begin anew with --fresh."
            ) from error
        return content if isinstance(content, dict) else None

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Whole or not at all, and for its owner only, as passwords may be in it."""
        temporary = self.path / f".{name}.new"
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2, ensure_ascii=False)
        temporary.replace(self.path / name)

    def forget(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)

    def _refuse_strangers(self, entries: set[str]) -> None:
        if _STAMP in entries:
            if (stamp := self._stamp()) is None or stamp.get("kind") != _KIND:
                raise DataFolderError(self._foreign(_STAMP))
            return
        for name in sorted(entries):
            if name not in _OURS and not name.startswith(_OUR_DATABASES):
                raise DataFolderError(self._foreign(name))

    def _foreign(self, name: str) -> str:
        return (
            f"{self.path} is no data folder of the bookstore ({name} is in it), and is left alone. "
            "Choose another with --data FOLDER or BOOKSTORE_DATA."
        )

    def _stamp(self) -> dict[str, Any] | None:
        try:
            stamp = json.loads((self.path / _STAMP).read_text(encoding="utf-8"))
        except ValueError:
            return None
        return stamp if isinstance(stamp, dict) else None

    def _lock(self, lock: int) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataFolderError(
                f"Another shop runs on {self.path}. End it, or give this one a folder of its own "
                "with --data FOLDER (and other ports with --port-base)."
            ) from error

    def _prepare(self, *, fresh: bool) -> None:
        if fresh:
            self._empty()
        stamp = self._stamp() if (self.path / _STAMP).exists() else None
        if stamp is not None and stamp.get("version") != VERSION:
            raise DataFolderError(
                f"The data in {self.path} are of another version of the shop (theirs is "
                f"{stamp.get('version')}, this one's is {VERSION}). Begin anew with "
                f"{command('dev -- --fresh')}, which deletes them, or keep them and choose another "
                "folder with --data FOLDER."
            )
        try:
            # Passwords and everything that the shop knows are in it.
            self.path.chmod(0o700)
            self.logs.mkdir(exist_ok=True)
            self.write(_STAMP, {"kind": _KIND, "version": VERSION})
        except OSError as error:
            raise DataFolderError(
                f"The data folder {self.path} cannot be written to: {error.strerror}. "
                "Choose another with --data FOLDER or BOOKSTORE_DATA."
            ) from error

    def _empty(self) -> None:
        # The stamp goes last: a deletion that breaks off leaves a folder that is still ours.
        entries = sorted(self.path.iterdir(), key=lambda entry: entry.name == _STAMP)
        for entry in entries:
            if entry.name in _KEPT:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
