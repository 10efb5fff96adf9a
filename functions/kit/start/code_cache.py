"""A cache file with the bytecode of all modules that a service imports at start.

At each start Python finds, opens, checks and decodes a file for each of 700 modules, and compiles
every regular expression and the generated methods of dataclasses and named tuples. That takes more
than a third of a start's CPU time. An image has the results in one file, which is mapped into
memory and decoded at once, like V8's code cache or a JVM's class data sharing archive.

`code_cache_builder.py` builds the file, and the image sets CODE_CACHE to its path. Modules that it
does not contain are imported as usual, and so are all modules if it was built by another
interpreter. Its code is not compared with the sources, which do not change in an image. An image
that is derived from it with other code must build the cache again, or set CODE_CACHE to "".
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
"""The environment variable with the path of the file."""

Modules = dict[str, tuple[str, str, bool, CodeType]]
"""By module name: its source file, its bytecode file, whether it is a package, and its code."""


def interpreter() -> bytes:
    """Identifies the interpreter: version, build, -O level, and path of the standard library."""
    tag, optimized = sys.implementation.cache_tag, sys.flags.optimize
    return f"{tag} {sys.version} -O{optimized} {os.__file__}\0".encode()


class Loader(SourceFileLoader):
    """Python's loader, with the code from the cache. Sources and data come from the files."""

    def __init__(self, name: str, path: str, code: CodeType) -> None:
        super().__init__(name, path)
        self._code: CodeType | None = code

    def get_code(self, fullname: str) -> CodeType | None:
        code, self._code = self._code, None
        # A second call, such as runpy's, gets the code from the file.
        return code or super().get_code(fullname)


class Finder:
    """The first finder in `sys.meta_path`."""

    def __init__(self, modules: Modules) -> None:
        self._modules = modules

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        found = self._modules.pop(name, None)  # a module is loaded once; this frees its code
        if found is None:
            return None
        file, bytecode, is_package, code = found
        spec = ModuleSpec(name, Loader(name, file, code), origin=file)
        spec.has_location, spec.cached = True, bytecode
        if is_package:
            spec.submodule_search_locations = [os.path.dirname(file)]  # noqa: PTH120
        return spec


def use() -> Compiled | None:
    """Use the file that CODE_CACHE names, if it exists.

    Returns the cache of compiled texts and patterns, to be cleared after the start.

    Raises:
        EOFError, ValueError, TypeError: the file is truncated; build the image again.
        OSError: the file cannot be read.
    """
    cache = read(os.environ.get(VARIABLE, ""))
    if cache is None:
        return None
    modules, compiled = cache
    sys.meta_path.insert(0, Finder(modules))
    look_up(compiled)
    return compiled


def read(path: str) -> tuple[Modules, Compiled] | None:
    """The contents of a file; None if it does not exist or was built by another interpreter."""
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
        # As trustworthy as the bytecode files beside it.
        modules, compiled = marshal.loads(content[len(maker) :])  # noqa: S302
        return modules, Compiled(*compiled)


def write(path: str, modules: Modules, compiled: Compiled) -> None:
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(interpreter() + marshal.dumps((modules, tuple(compiled))))
