"""What a start does not load: held against the libraries as they are installed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from functions.kit.postponed import POSTPONED
from tests.architecture.services import NAMES
from tests.servers.programs import free_port

ROOT = Path(__file__).parents[2]

START = """
import json, sys
from functions.kit import postponed
postponed.postpone()
from functions.kit.serve import ColdServer, configuration

class Server(ColdServer):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        self.should_exit = True

Server(configuration([sys.argv[1], "--port", sys.argv[2]])).run()
import functions.kit.mysql.wire
waiting = [
    name for name in postponed.POSTPONED & sys.modules.keys()
    if object.__getattribute__(sys.modules[name], "__class__").__name__ == "_LazyModule"
]
print(json.dumps(waiting))
"""

USE = """
from functions.kit import postponed
postponed.postpone()
import yaml
from pymysql import _auth
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
key = rsa.generate_private_key(65537, 2048)
pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
assert len(_auth.sha2_rsa_encrypt(b"secret", b"s" * 20, pem)) == 256
assert yaml.safe_load("a: 1") == {"a": 1}
import annotated_types
assert annotated_types.Gt(1).gt == 1
"""


@pytest.mark.parametrize("service", NAMES)
def test_no_start_loads_what_is_postponed(service: str) -> None:
    """A library that begins to use one at import, or a second importer, is seen here."""
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", START, f"functions.{service}.app:create_app", str(free_port())],
        cwd=ROOT,
        env={
            **os.environ,
            "DATABASE_URL": f"mysql://nobody@127.0.0.1:{free_port()}/nothing",
            "DOORS": "public",
        },
        capture_output=True,
        text=True,
        check=True,
    )

    assert set(json.loads(done.stdout.splitlines()[-1])) == POSTPONED


def test_what_is_postponed_is_whole_when_it_is_used() -> None:
    """A password for MySQL 8 among it."""
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", USE], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
