"""Lazy modules: those of the installed libraries, and special cases."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from threading import Event
from types import ModuleType

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from functions.kit.start import lazy_modules
from functions.kit.start.lazy_modules import LAZY
from tests.architecture.services import NAMES
from tests.servers.programs import free_port

ROOT = Path(__file__).parents[3]

START = """
import json, sys
from tests.support.run_once import serve_briefly
from functions.kit.start import lazy_modules
lazy_modules.install()
from functions.kit.start.serve import configuration
serve_briefly(configuration(sys.argv[1], port=0))
import functions.kit.mysql.wire
waiting = [
    name for name in lazy_modules.LAZY & sys.modules.keys()
    if type(sys.modules[name]) is lazy_modules.LazyModule
]
print(json.dumps(waiting))
"""

USE = """
import sys
from functions.kit.start import lazy_modules
lazy_modules.install()
import yaml
from pymysql import _auth
assert type(sys.modules["cryptography.hazmat.primitives.serialization"]) is lazy_modules.LazyModule
# A password for MySQL 8 without TLS, encrypted for a key that the server has sent.
assert len(_auth.sha2_rsa_encrypt(b"secret", b"s" * 20, sys.argv[1].encode())) == 256
assert yaml.safe_load("a: 1") == {"a": 1}
import annotated_types
assert annotated_types.Gt(1).gt == 1
"""

LOADED = """
print("loaded", __name__)
import sys
def __getattr__(name):
    if name == "computed":
        return 42
    raise AttributeError(name)
itself = sys.modules[__name__].__name__
"""


@pytest.mark.parametrize("service", NAMES)
def test_no_start_loads_a_lazy_module(service: str) -> None:
    """Every lazy module is imported, and none is loaded: no library uses one at import."""
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", START, f"functions.{service}.app:create_app"],
        cwd=ROOT,
        env={
            **os.environ,
            "DATABASE_URL": f"mysql://nobody@127.0.0.1:{free_port()}/nothing",
            "EXPOSED_API": "public",
        },
        capture_output=True,
        text=True,
        check=True,
    )

    assert set(json.loads(done.stdout.splitlines()[-1])) == LAZY


def test_a_lazy_module_works_when_it_is_used() -> None:
    """Encryption of a password, YAML, and annotations."""
    key = rsa.generate_private_key(65537, 2048).public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", USE, pem], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def late(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ModuleType]:
    """A lazy module with this source."""
    (tmp_path / "made_for_a_test.py").write_text(request.param)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(lazy_modules, "LAZY", {"made_for_a_test"})
    lazy_modules.install()
    yield import_module("made_for_a_test")
    sys.modules.pop("made_for_a_test")


@pytest.mark.parametrize("late", [LOADED], indirect=True)
def test_the_first_access_loads_it_once(
    late: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second import does not."""
    assert import_module("made_for_a_test") is late
    assert late.__spec__ is not None
    assert late.__spec__.name == "made_for_a_test"
    assert capsys.readouterr().out == ""

    assert (late.itself, late.computed) == ("made_for_a_test", 42)
    assert capsys.readouterr().out == "loaded made_for_a_test\n"
    assert type(late) is ModuleType
    with pytest.raises(AttributeError):
        late.nothing  # noqa: B018


@pytest.mark.parametrize("late", ["unknown"], indirect=True)
def test_each_access_to_a_module_that_fails_raises_its_error(late: ModuleType) -> None:
    """Not only the first one."""
    for _ in range(2):
        with pytest.raises(NameError, match="unknown"):
            late.anything  # noqa: B018


@pytest.mark.parametrize(
    "late",
    ["import sys, types\nsys.modules[__name__] = types.ModuleType('b')\nx = 1"],
    indirect=True,
)
def test_a_lazy_module_may_replace_itself(late: ModuleType) -> None:
    """As cryptography does for deprecated names. `importlib.util.LazyLoader` would fail."""
    assert late.x == 1
    assert sys.modules["made_for_a_test"].__name__ == "b"


GIVES_ITSELF_A_CLASS = """
import sys, types
class Own(types.ModuleType):
    magic = 42
sys.modules[__name__].__class__ = Own
"""


@pytest.mark.parametrize("late", [GIVES_ITSELF_A_CLASS], indirect=True)
def test_a_lazy_module_may_set_its_class(late: ModuleType) -> None:
    """Its attributes are then looked up in that class."""
    assert late.magic == 42


HALF_WAY = """
import threading
first = 1
begun.set()
go_on.wait(10)
second = 2
"""


@pytest.mark.parametrize("late", [HALF_WAY], indirect=True)
def test_another_thread_waits_until_it_is_loaded(late: ModuleType) -> None:
    """It never sees a partially loaded module."""
    begun, go_on = Event(), Event()
    vars(late).update(begun=begun, go_on=go_on)
    with ThreadPoolExecutor(2) as threads:
        one = threads.submit(lambda: late.first)
        assert begun.wait(10)
        other = threads.submit(lambda: (late.first, late.second))
        with pytest.raises(TimeoutError):
            other.result(0.05)
        go_on.set()

        assert (one.result(10), other.result(10)) == (1, (1, 2))
