"""Modules that libraries import at start and use later or never: each waits for its first use.

By `importlib.util.LazyLoader`, which is Python's own: the module is there at once, and is loaded,
whole and in place, when somebody asks it for something. Those below are a tenth of a start's CPU.
Only what its importer takes as a whole can wait (`import x`, not `from x import y`), and only
until it is imported a second time; tests/kit/test_postponed.py holds that no start loads any.
Next file: `start`.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.util import LazyLoader
from types import ModuleType

POSTPONED = frozenset(
    {
        # litestar.openapi.plugins, for a page in YAML, which is not served here.
        "yaml",
        # litestar.typing, for annotations that are not made here.
        "annotated_types",
        # uvicorn.config, for a configuration of logs, and it is given none; uvicorn's supervisors,
        # for workers, and there are none.
        "logging.config",
        "multiprocessing.connection",
        # pymysql's authentication, for a password that goes to MySQL 8 without TLS.
        "cryptography.hazmat.primitives.hashes",
        "cryptography.hazmat.primitives.serialization",
        "cryptography.hazmat.primitives.asymmetric.padding",
    }
)
"""Whoever adds to it says who imports it, and when it is used."""


class Finder:
    """Asked first; it finds a module of the list where the others do, and has it wait."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in POSTPONED:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        found = (finder.find_spec(name, path, target) for finder in others)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


def postpone() -> None:
    sys.meta_path.insert(0, Finder())
