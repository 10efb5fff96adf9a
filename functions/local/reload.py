"""`nox -s dev -- --reload`: finds out which programs a changed file belongs to.

The files are looked at again and again, which needs no library and works on every file system.
Next file: `supervisor`, which starts the programs again.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from functions.local.ports import SERVICES
from functions.local.programs import MANIFESTS, ROOT

LOOKS_EVERY = 0.25
"""Seconds."""

Files = Mapping[Path, tuple[int, int]]


class Sources:
    """What the programs were started from, as it was when it was last looked at."""

    def __init__(self, package: Path, manifests: Path = MANIFESTS) -> None:
        """`package` is the folder that has one for each service."""
        self._package = package
        self._manifests = manifests
        self._seen = self._look()

    def changed(self) -> set[Path]:
        """The files that were changed, made or deleted since the last look."""
        before, self._seen = self._seen, self._look()
        return {path for path, _ in before.items() ^ self._seen.items()}

    def programs(self, paths: Iterable[Path]) -> set[str]:
        """Those to be started again."""
        return set().union(*(self._programs(path) for path in paths))

    def _look(self) -> Files:
        folders = {self._package, ROOT / "functions" / "kit", ROOT / "functions" / "local"}
        files = {path for folder in folders for path in folder.rglob("*.py")}
        files |= {*self._manifests.rglob("*.yaml"), *self._package.rglob("*.json")}
        found = {}
        for path in files:
            try:
                status = path.stat()
            except FileNotFoundError:  # an editor puts a new file in its place just now
                continue
            found[path] = (status.st_mtime_ns, status.st_size)
        return found

    def _programs(self, path: Path) -> set[str]:
        if path.is_relative_to(self._manifests):
            return {"broker"}
        kit, local = ROOT / "functions" / "kit", ROOT / "functions" / "local"
        if path.is_relative_to(kit):
            return {*SERVICES}
        if path.is_relative_to(local):
            return {"broker"} if path.is_relative_to(local / "broker") else set()
        if not path.is_relative_to(self._package):
            return set()
        service = path.relative_to(self._package).parts[0]
        return {service} if service in SERVICES else {*SERVICES}
