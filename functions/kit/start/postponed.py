"""Modules that libraries import at start and use later or never: each waits for its first use.

The module is there at once; it is loaded, whole and in place, when somebody asks it for something.
So it is with `importlib.util.LazyLoader`, which however refuses a module that puts another in its
own place, as cryptography's do that have deprecated names, and loads one that is imported twice.
Those below are a tenth of a start's CPU. Only what its importer takes as a whole can wait
(`import x`, not `from x import y`); tests/kit/test_postponed.py holds that no start loads any.
Next file: `start`.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from threading import RLock
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from importlib.abc import Loader

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
        "multiprocessing.reduction",
        # asyncio, for TLS: it ends before a pod, and a connection to MySQL may have it.
        "asyncio.sslproto",
        # email.policy, for mail.
        "email.header",
        # pymysql's authentication, for a password that goes to MySQL 8 without TLS.
        "cryptography.hazmat.primitives.hashes",
        "cryptography.hazmat.primitives.serialization",
        "cryptography.hazmat.primitives.asymmetric.padding",
    }
)
"""Whoever adds to it says who imports it, and when it is used."""


class Waiting(ModuleType):
    """A module that nobody has used yet; its spec's `loader_state` is `Postponed`.

    What is set on it before its first use is lost where the module sets it too.
    """

    def __getattribute__(self, name: str) -> Any:
        if name in _ABOUT:
            return ModuleType.__getattribute__(self, name)
        postponed: Postponed = vars(self)["__spec__"].loader_state
        with postponed.lock:  # another thread finds it whole, but what it loads may ask it too
            if type(self) is Waiting and not postponed.begun:
                postponed.begun = True
                try:
                    postponed.loader.exec_module(self)
                finally:
                    postponed.begun = False
                if type(self) is Waiting:  # a module may give itself a class of its own
                    self.__class__ = ModuleType  # type: ignore[assignment]
        if type(self) is Waiting:
            return ModuleType.__getattribute__(self, name)
        return getattr(self, name)


_ABOUT = {"__class__", "__dict__", "__loader__", "__name__", "__package__", "__path__", "__spec__"}
"""What is known of a module that is not loaded: to import it a second time asks for these."""


class Postponed:
    """The loader of one module, which leaves its work to another loader, for later."""

    def __init__(self, loader: "Loader") -> None:
        self.loader = loader
        self.lock = RLock()
        self.begun = False

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        spec = vars(module)["__spec__"]
        spec.loader = module.__loader__ = self.loader
        spec.loader_state = self
        module.__class__ = Waiting


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
            # importlib wants its two methods; its base class would take 20 ms to import.
            spec.loader = cast("Loader", Postponed(spec.loader))
        return spec


def postpone() -> None:
    sys.meta_path.insert(0, Finder())
