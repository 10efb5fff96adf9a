"""`nox -s dev -- --reload`: which programs use a changed file.

The files are polled, which needs no library and works on every file system. Next file:
`supervisor`, which restarts the programs.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from functions.local.ports import SERVICES
from functions.local.programs import MANIFESTS, ROOT

POLL_SECONDS = 0.25

_FOLDERS = {"broker": "broker", "mailbox": "mailbox", "traces": "telemetry"}
"""The folder of each program of the runner."""

Files = Mapping[Path, tuple[int, int]]


class Sources:
    """The files of the programs, as of the last poll."""

    def __init__(self, package: Path, manifests: Path = MANIFESTS) -> None:
        """`package` is the folder with a subfolder for each service."""
        self._package = package
        self._manifests = manifests
        self._files = self._poll()

    def changed(self) -> set[Path]:
        """The files that were changed, created or deleted since the last poll."""
        before, self._files = self._files, self._poll()
        return {path for path, _ in before.items() ^ self._files.items()}

    def programs(self, paths: Iterable[Path]) -> set[str]:
        """Names of the programs that use these files."""
        return set().union(*(self._programs(path) for path in paths))

    def _poll(self) -> Files:
        folders = {self._package, ROOT / "functions" / "kit", ROOT / "functions" / "local"}
        files = {path for folder in folders for path in folder.rglob("*.py")}
        files |= {*self._manifests.rglob("*.yaml"), *self._package.rglob("*.json")}
        # Templates, styles, scripts and translations of pages and mails.
        for service in ("storefront", "notifications"):
            for kind in ("html", "txt", "css", "js", "po"):
                files |= set((self._package / service).rglob(f"*.{kind}"))
        found = {}
        for path in files:
            try:
                status = path.stat()
            except FileNotFoundError:  # an editor replaces it at this moment
                continue
            found[path] = (status.st_mtime_ns, status.st_size)
        return found

    def _programs(self, path: Path) -> set[str]:
        if path.is_relative_to(self._manifests):
            return {"broker"}
        kit, local = ROOT / "functions" / "kit", ROOT / "functions" / "local"
        if path.is_relative_to(kit):
            return {*SERVICES, "storefront"}
        if path.is_relative_to(local):
            return {
                program
                for program, folder in _FOLDERS.items()
                if path.is_relative_to(local / folder)
            }
        if not path.is_relative_to(self._package):
            return set()
        service = path.relative_to(self._package).parts[0]
        known = {*SERVICES, "storefront"}
        return {service} if service in known else known
