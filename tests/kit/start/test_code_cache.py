"""A start out of the code cache: what comes from it is what Python itself would have made."""

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from functions.kit.start import code_cache

ROOT = Path(__file__).parents[3]

WHAT_A_START_DOES = """
import runpy  # as `-m` does before a start, which the cache leaves out
import json, logging, sys
from functions.kit.start import code_cache, lazy_modules
code_cache.use()
from tests.support.run_once import serve_briefly
before = set(sys.modules)
compiled = []
by = ("/dataclasses.py", "/collections/__init__.py", "/kit/start/stdlib_compile_cache.py")

def note(event, arguments):
    if event == "compile" and (maker := sys._getframe(1).f_code.co_filename).endswith(by):
        compiled.append(maker)

sys.addaudithook(note)
compiler = __import__("re._compiler")._compiler
translate = compiler._code
compiler._code = lambda *args: compiled.append("re") or translate(*args)
lazy_modules.install()
logging.disable()  # who writes a traceback reads sources, and has patterns for that
from functions.kit.start.serve import configuration
serve_briefly(configuration("functions.catalog.app:create_app", port=0))
loaders = {
    name: type(object.__getattribute__(module, "__dict__").get("__loader__")).__name__
    for name, module in sys.modules.items() if name not in before
}
loaded = [name for name, loader in loaders.items() if loader == "SourceFileLoader"
          and name != "__mp_main__"]
print(json.dumps({"loaded": loaded, "compiled": compiled}))
"""

WHAT_IT_IS = """
import inspect, json, re, sys, traceback
from functions.kit.start import code_cache
code_cache.use()
from functions.catalog.domain import books
from functions.kit.base.language import preferred
shown = {"loader": type(books.__loader__).__name__, "file": books.__file__,
         "bytecode": books.__cached__, "spec": [books.__spec__.cached, books.__spec__.parent]}
shown["package"] = list(sys.modules["functions.catalog"].__path__)
shown["source"] = inspect.getsource(books.one_line)
try:
    books.one_line("\\x00", 10)
except ValueError:
    shown["traceback"] = traceback.format_exc()
shown["language"] = preferred("en;q=0.5, es;q=0.4")
print(json.dumps(shown))
"""


def run(program: str, cache: Path | str) -> Any:
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={
            **os.environ,
            "CODE_CACHE": str(cache),
            "DATABASE_URL": "mysql://nobody@127.0.0.1:9/nothing",
            "EXPOSED_API": "public",
            "LOG_FORMAT": "json",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Catalog's."""
    return build(tmp_path_factory.mktemp("cache"), "catalog")


def build(folder: Path, service: str) -> Path:
    """A service's cache, made as its image makes it."""
    file = folder / "code.cache"
    command = [sys.executable, "-m", "functions.kit.start.code_cache_builder"]
    subprocess.run(  # noqa: S603 - this interpreter
        [*command, f"functions.{service}.app:create_app", str(file)],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": "mysql://nobody@127.0.0.1:9/nothing"},
        check=True,
        capture_output=True,
    )
    return file


def test_a_start_looks_for_no_module_and_compiles_nothing(cache: Path) -> None:
    """With its cache, catalog starts without imports from files and without compiling a pattern."""
    assert run(WHAT_A_START_DOES, cache) == {"loaded": [], "compiled": []}


@pytest.mark.parametrize(
    ("service", "held", "left_out"),
    [
        ("catalog", {"aiomysql", "functions.kit.mysql.connection"}, {"httpx", "jinja2"}),
        (
            "storefront",
            {"httpx", "jinja2.environment", "functions.storefront.rendering", "babel.numbers"},
            {"aiomysql", "pymysql"},
        ),
    ],
)
def test_it_holds_what_the_first_request_imports(
    tmp_path: Path, service: str, held: set[str], left_out: set[str]
) -> None:
    """A service with a database needs its driver, the storefront its templates and a client."""
    found = code_cache.read(str(build(tmp_path, service)))
    assert found is not None
    modules = set(found[0])

    assert held - modules == set()
    assert left_out & modules == set()


def test_without_the_cache_it_would() -> None:
    """What that test counts is there to be counted."""
    done = run(WHAT_A_START_DOES, "")

    assert len(done["loaded"]) > 500
    assert {Path(maker).stem for maker in done["compiled"]} == {"dataclasses", "__init__", "re"}


def test_a_module_out_of_it_is_as_any_other(cache: Path) -> None:
    """Its file, its source, its lines in a traceback."""
    ours, theirs = run(WHAT_IT_IS, cache), run(WHAT_IT_IS, "")

    assert (ours.pop("loader"), theirs.pop("loader")) == ("Loader", "SourceFileLoader")
    assert ours == theirs
    assert "raise ValueError(NO_CONTROLS)" in ours["traceback"]


def test_its_patterns_are_the_ones_that_python_makes(cache: Path) -> None:
    """Each cached pattern equals the newly compiled one and has the same named groups."""
    found = code_cache.read(str(cache))
    assert found is not None
    engine, plain = import_module("_sre"), import_module("re._compiler").compile

    patterns = found[1].patterns
    for (pattern, flags), program in patterns.items():
        kept, made = engine.compile(pattern, *program), plain(pattern, flags)
        assert (kept, kept.groupindex) == (made, made.groupindex)
    assert len(patterns) > 50


@pytest.mark.parametrize("text", ["", "not this Python\0"])
def test_another_interpreter_s_is_left_alone(cache: Path, tmp_path: Path, text: str) -> None:
    """A file that begins with another interpreter's id is not used: modules load as usual."""
    other = tmp_path / "code.cache"
    # With its first letter gone, or with others in place of the first ones.
    other.write_bytes(text.encode() + cache.read_bytes()[len(text) or 1 :])

    assert code_cache.read(str(other)) is None
    assert run(WHAT_IT_IS, other)["loader"] == "SourceFileLoader"


def test_one_that_is_not_there_is_left_alone(tmp_path: Path) -> None:
    """`read` returns None for a missing file and for an empty CODE_CACHE."""
    assert code_cache.read(str(tmp_path / "nothing")) is None
    assert code_cache.read("") is None


def test_one_that_was_cut_is_refused(cache: Path, tmp_path: Path) -> None:
    """Not imported in part: an image with it does not start, and so is not deployed."""
    cut = tmp_path / "code.cache"
    cut.write_bytes(cache.read_bytes()[:-100])

    with pytest.raises((EOFError, ValueError, TypeError)):
        code_cache.read(str(cut))


RECORDED_AND_LOOKED_UP = """
import json, re
from functions.kit.start.stdlib_compile_cache import look_up, record
compiled = record()

def made():
    from collections import namedtuple
    from dataclasses import dataclass

    @dataclass(frozen=True, order=True)
    class Point:
        x: int
        y: int = 2

    re.purge()
    pattern = re.compile("(?P<word>a+)b", re.IGNORECASE)
    shown = [repr(Point(1)), Point(1) < Point(2), hash(Point(1)) == hash(Point(1, 2))]
    return [*shown, repr(namedtuple("Pair", "first second")(1, 2)), pattern.match("AAB")["word"]]

first, known = made(), [len(each) for each in compiled]
compiled.texts["x = 1"] = None  # so that it is seen that nothing was recorded any more
look_up(compiled)
shown = [first, made(), known, [len(each) for each in compiled]]
compiled.clear()
print(json.dumps([*shown, made()]))
"""


def test_what_was_recorded_does_the_same_when_it_is_looked_up() -> None:
    """A dataclass, a named tuple and a pattern behave the same when recorded, when looked up, and
    after the cache is cleared; a lookup records nothing.
    """
    first, second, (texts, patterns), after, forgotten = run(RECORDED_AND_LOOKED_UP, "")

    assert first == ["made.<locals>.Point(x=1, y=2)", True, True, "Pair(first=1, second=2)", "AA"]
    assert first == second == forgotten
    assert after == [texts + 1, patterns]
    assert (texts > 1, patterns) == (True, 1)
