import asyncio
import hashlib
import threading
from collections.abc import Callable

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type
from hypothesis import given
from hypothesis import strategies as st

from functions.auth import passwords
from functions.auth.errors import HashingBusy
from functions.auth.passwords import DUMMY_HASH, Passwords, Verification, common_passwords

PASSWORD = "una frase bastante larga"


def werkzeug_hash(password: str, iterations: int = 1000, salt: str = "aB3dE6gH") -> str:
    """As werkzeug.security.generate_password_hash writes it."""
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), iterations)
    return f"pbkdf2:sha256:{iterations}${salt}${digest.hex()}"


async def test_hashes_are_argon2id_of_owasps_strength() -> None:
    """19 MiB, 2 iterations, parallelism 1, and a new salt each time."""
    hasher = Passwords(2)
    first, second = await asyncio.gather(hasher.hash(PASSWORD), hasher.hash(PASSWORD))

    assert first != second
    parameters = extract_parameters(first)
    assert parameters.type is Type.ID
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (19456, 2, 1)
    assert await hasher.verify(first, PASSWORD) == Verification(matches=True, outdated=False)
    assert await hasher.verify(first, PASSWORD + "!") == Verification(matches=False, outdated=False)


def test_the_dummy_hash_has_the_present_parameters() -> None:
    """The dummy hash of unknown accounts has the parameters of new hashes."""
    assert extract_parameters(DUMMY_HASH) == extract_parameters(passwords._hash(PASSWORD))


class Work:
    """Counts what a verification does: argon2 hashes that are checked, rounds of PBKDF2."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.argon2: list[str] = []
        self.rounds = 0
        hasher, pbkdf2 = PasswordHasher(), hashlib.pbkdf2_hmac
        work = self

        class Counting:
            def verify(self, hashed: str, password: str) -> bool:
                work.argon2.append(hashed)
                return hasher.verify(hashed, password)

            def check_needs_rehash(self, hashed: str) -> bool:
                return False

        def counting(name: str, password: bytes, salt: bytes, rounds: int) -> bytes:
            work.rounds += rounds
            return pbkdf2(name, password, salt, rounds)

        monkeypatch.setattr(passwords, "_hasher", Counting)
        monkeypatch.setattr(hashlib, "pbkdf2_hmac", counting)


KINDS = {
    "nobody": None,
    "argon2": DUMMY_HASH,
    "werkzeug": werkzeug_hash(PASSWORD, 1000),
    "werkzeug, faster": werkzeug_hash(PASSWORD, 10),
    "rubbish": "pbkdf2:sha256:9999999$aB3dE6gH$" + "0" * 64,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
async def test_every_kind_of_account_costs_the_same(
    monkeypatch: pytest.MonkeyPatch, kind: str, password: str
) -> None:
    """One argon2 hash and the iterations of the slowest legacy hash are computed."""
    work = Work(monkeypatch)
    verdict = await Passwords(1).verify(KINDS[kind], password, rounds=1000)

    assert verdict.matches is (password == PASSWORD and kind.startswith("werkzeug"))
    assert (len(work.argon2), work.rounds) == (1, 1000)


async def test_without_legacy_hashes_no_pbkdf2_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without legacy hashes only argon2 is computed, for known and unknown accounts."""
    work = Work(monkeypatch)
    for hashed in (None, DUMMY_HASH):
        await Passwords(1).verify(hashed, "wrong")

    assert (work.argon2, work.rounds) == ([DUMMY_HASH] * 2, 0)


async def test_composed_and_decomposed_passwords_verify_alike() -> None:
    """ñ as one code point or as two verifies alike."""
    hasher = Passwords(1)

    assert (await hasher.verify(await hasher.hash("contrase\u00f1a!"), "contrasen\u0303a!")).matches


async def test_the_originals_hashes_verify_and_are_outdated() -> None:
    """werkzeug's pbkdf2:sha256 verifies with any number of iterations."""
    hasher = Passwords(1)
    hashed = werkzeug_hash("secreto de antes")

    assert await hasher.verify(hashed, "secreto de antes") == Verification(
        matches=True, outdated=True
    )
    assert not (await hasher.verify(hashed, "otro")).matches


async def test_a_weaker_argon2_hash_is_outdated() -> None:
    """It verifies and is replaced."""
    weak = PasswordHasher(1, 8192, 1).hash(PASSWORD)

    assert await Passwords(1).verify(weak, PASSWORD) == Verification(matches=True, outdated=True)


@pytest.mark.parametrize(
    "hashed",
    [
        "",
        "pbkdf2:sha256:9999999$aB3dE6gH$" + "0" * 64,
        "pbkdf2:sha256:0$aB3dE6gH$" + "0" * 64,
        "pbkdf2:sha1:1000$aB3dE6gH$" + "0" * 40,
        "pbkdf2:sha256:1000$$" + "0" * 64,
        "pbkdf2:sha256:1000$aB3dE6gH$" + "0" * 63,
        "scrypt:32768:8:1$salt$abc",
        "$argon2id$v=19$m=19456,t=2,p=1$!!!!",
        "plain text",
    ],
)
async def test_an_unsupported_hash_matches_nothing(hashed: str) -> None:
    """Excessive iterations, other algorithms and malformed hashes raise no error."""
    assert not (await Passwords(1).verify(hashed, PASSWORD)).matches


@given(st.text(max_size=80))
def test_any_text_as_a_werkzeug_hash_is_no_error(text: str) -> None:
    """Any text in the column verifies to no match."""
    assert passwords._verify_werkzeug(f"pbkdf2:sha256:{text}", PASSWORD) is False


class Gate:
    """Work that waits until it is let through, and counts how many are inside."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside = self.most = 0
        self.entered = threading.Semaphore(0)
        self.go = threading.Semaphore(0)

    def __call__(self, *_: str) -> str:
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.entered.release()
        self.go.acquire()
        with self.lock:
            self.inside -= 1
        return "hash"


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate = Gate()
    work: Callable[..., str] = gate
    monkeypatch.setattr(passwords, "_hash", work)
    return gate


async def test_concurrent_hashing_is_bounded(gate: Gate) -> None:
    """The others wait for a slot, off the event loop."""
    hasher = Passwords(2)
    running = [asyncio.create_task(hasher.hash(PASSWORD)) for _ in range(6)]
    for _ in range(6):
        await asyncio.to_thread(gate.entered.acquire)
        gate.go.release()

    assert await asyncio.gather(*running) == ["hash"] * 6
    assert gate.most <= 2


async def test_too_many_waiting_passwords_are_refused(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than `MAX_WAITING` are refused at once, with a time to retry."""
    monkeypatch.setattr(passwords, "MAX_WAITING", 3)
    hasher = Passwords(1)
    running = [asyncio.create_task(hasher.hash(PASSWORD)) for _ in range(3)]
    await asyncio.to_thread(gate.entered.acquire)

    with pytest.raises(HashingBusy) as caught:
        await hasher.hash(PASSWORD)

    assert caught.value.retry_after == 2
    for _ in running:
        gate.go.release()
    assert await asyncio.gather(*running) == ["hash"] * 3


def test_common_passwords_are_long_enough_and_in_lower_case() -> None:
    """Shorter ones are refused by length; all are in lower case, as they are compared."""
    common = common_passwords()

    assert {"password", "12345678", "contraseña", "qwertyuiop", "bookstore"} <= common
    assert all(8 <= len(each) <= 128 and each == each.lower() for each in common)
    assert 200 <= len(common) <= 1000
