"""The code of a start in one file: no search for 700 modules, and nothing to compile.

Python finds, opens, checks and decodes a file for each module, and compiles the methods of
dataclasses and named tuples and every regular expression, each time the same: more than a third of
a start's CPU. So an image keeps what that comes to in one file, mapped and decoded at once, like
the code cache of V8 or the shared archive of a JVM. `code_cache_builder` makes it, and the image
names it in CODE_CACHE; nothing else has one. What it does not hold is imported as ever, and so is
everything where another interpreter runs than the one that made it. Like an image's bytecode it is
not compared with the sources: in an image they cannot change, and whoever makes another one from
it, with other code, makes the cache anew or sets CODE_CACHE to nothing.

Next file: `compiled`.
"""

import marshal
import mmap
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType

from functions.kit.start.stdlib_compile_cache import Compiled, look_up

VARIABLE = "CODE_CACHE"
"""Of the environment: where the file is."""

Modules = dict[str, tuple[str, str, bool, CodeType]]
"""By name: a module's file, that of its bytecode, whether it is a package, and its code."""


def interpreter() -> bytes:
    """Whose bytecode it is: a version, its build and its -O, and where the standard library is."""
    tag, optimized = sys.implementation.cache_tag, sys.flags.optimize
    return f"{tag} {sys.version} -O{optimized} {os.__file__}\0".encode()


class Loader(SourceFileLoader):
    """Python's own but for where the code comes from: sources and data are read from the files."""

    def __init__(self, name: str, path: str, code: CodeType) -> None:
        super().__init__(name, path)
        self._code: CodeType | None = code

    def get_code(self, fullname: str) -> CodeType | None:
        code, self._code = self._code, None
        # Who asks again, such as runpy, gets what Python would have given.
        return code or super().get_code(fullname)


class Finder:
    """Asked before the others."""

    def __init__(self, modules: Modules) -> None:
        self._modules = modules

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        found = self._modules.pop(name, None)  # a module is loaded once; then its code may go
        if found is None:
            return None
        file, bytecode, is_package, code = found
        spec = ModuleSpec(name, Loader(name, file, code), origin=file)
        spec.has_location, spec.cached = True, bytecode
        if is_package:
            spec.submodule_search_locations = [os.path.dirname(file)]  # noqa: PTH120
        return spec


def use() -> Compiled | None:
    """From here on code comes from the file that CODE_CACHE names, if there is one.

    Answers what to forget when the start is over.

    Raises:
        EOFError, ValueError, TypeError: the file is not whole; build the image again.
        OSError: it cannot be read.
    """
    cache = read(os.environ.get(VARIABLE, ""))
    if cache is None:
        return None
    modules, compiled = cache
    sys.meta_path.insert(0, Finder(modules))
    look_up(compiled)
    return compiled


def read(path: str) -> tuple[Modules, Compiled] | None:
    """What is in a file; None where there is none, or none for this interpreter."""
    try:
        file = open(path, "rb")  # noqa: SIM115, PTH123 - pathlib is not loaded yet
    except FileNotFoundError:
        return None
    maker = interpreter()
    with (
        file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as content,
    ):
        if content[: len(maker)] != maker:
            return None
        # As much to be trusted as the bytecode that lies beside it.
        modules, compiled = marshal.loads(content[len(maker) :])  # noqa: S302
        return modules, Compiled(*compiled)


def write(path: str, modules: Modules, compiled: Compiled) -> None:
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(interpreter() + marshal.dumps((modules, tuple(compiled))))
