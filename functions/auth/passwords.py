"""Password hashes: argon2id, made and checked in threads, a few at a time.

A hash takes 19 MiB and some 30 ms of a core on purpose; without a bound a flood of logins would
be a flood of memory. Hashes that the original made (werkzeug's PBKDF2) still verify.
"""

import asyncio
import contextlib
import ctypes
import hashlib
import hmac
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, ParamSpec, TypeVar

from functions.auth.domain import canonical_password
from functions.auth.errors import HashingBusy
from functions.kit.base.errors import Text

if TYPE_CHECKING:
    from argon2 import PasswordHasher

P = ParamSpec("P")
T = TypeVar("T")

TIME_COST, MEMORY_KIB, PARALLELISM = 2, 19 * 1024, 1
"""OWASP's Password Storage Cheat Sheet: argon2id with 19 MiB, 2 iterations, 1 lane."""

MAX_WAITING = 100
"""Passwords that wait for their turn; at 30 ms each nobody waits longer for an answer."""

# Of a random password that nobody kept, with the parameters above: checked in place of a hash
# that is not there, so that an unknown account takes as long to refuse as a known one.
NOBODY = (
    "$argon2id$v=19$m=19456,t=2,p=1$erxrw7LNH2gcSGX3t0IneQ"
    "$s3Yy6wQfnx5cL7F/O229IRKPe6dZ1WfBDRRvFZGvwYM"
)

LEGACY, LEGACY_END = "pbkdf2:", "pbkdf2;"
"""What hashes of the original begin with, and a text that is beyond all of them."""

_WERKZEUG = re.compile(
    r"pbkdf2:sha256:([1-9][0-9]{0,6})\$([\x21-\x23\x25-\x7e]{1,64})\$([0-9a-f]{64})"
)
_MAX_ITERATIONS = 2_000_000
_M_MMAP_THRESHOLD = -3


class Verdict(NamedTuple):
    matches: bool
    outdated: bool
    """Whether the hash is of an older kind than those that are made now."""


class Passwords:
    """One per process: its bound holds for all requests together."""

    def __init__(self, concurrency: int) -> None:
        self._turns = asyncio.Semaphore(concurrency)
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """Raises `HashingBusy`."""
        return await self._in_thread(_hash, password)

    async def verify(self, hashed: str | None, password: str, *, rounds: int = 0) -> Verdict:
        """Check a password; None stands for an account that is not there.

        `rounds` are those of the slowest hash of the older kind that any account has: whichever
        kind this one is, or none, the work is the same. Raises `HashingBusy`.
        """
        return await self._in_thread(_verify, hashed, password, rounds)

    async def _in_thread(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        if self._waiting >= MAX_WAITING:
            raise HashingBusy(Text("Inténtelo de nuevo.", "Try again."), retry_after=2)
        self._waiting += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(work, *args, **kwargs)
        finally:
            self._waiting -= 1


def _hash(password: str) -> str:
    return _hasher().hash(canonical_password(password))


def _verify(hashed: str | None, password: str, rounds: int) -> Verdict:
    """One argon2 and `rounds` of PBKDF2, whatever there is to verify."""
    legacy = hashed is not None and hashed.startswith(LEGACY)
    verdict = _verify_argon2(NOBODY if hashed is None or legacy else hashed, password)
    done = 0
    if hashed is None:
        verdict = Verdict(matches=False, outdated=False)
    elif legacy:
        done = legacy_rounds(hashed)
        verdict = Verdict(matches=_verify_werkzeug(hashed, password), outdated=True)
    if rounds > done:
        hashlib.pbkdf2_hmac("sha256", password.encode(), b"nobody", rounds - done)
    return verdict


def _verify_argon2(hashed: str, password: str) -> Verdict:
    from argon2.exceptions import Argon2Error, InvalidHashError  # noqa: PLC0415 - as in _hasher

    try:
        _hasher().verify(hashed, canonical_password(password))
    except (Argon2Error, InvalidHashError):
        return Verdict(matches=False, outdated=False)
    return Verdict(matches=True, outdated=_hasher().check_needs_rehash(hashed))


def legacy_rounds(hashed: str) -> int:
    """Iterations of a hash that the original made; 0 where it is none that is verified."""
    match = _WERKZEUG.fullmatch(hashed)
    rounds = int(match[1]) if match is not None else 0
    return rounds if rounds <= _MAX_ITERATIONS else 0


def _verify_werkzeug(hashed: str, password: str) -> bool:
    match, rounds = _WERKZEUG.fullmatch(hashed), legacy_rounds(hashed)
    if match is None or not rounds:
        return False
    made = hashlib.pbkdf2_hmac("sha256", password.encode(), match[2].encode(), rounds)
    return hmac.compare_digest(made.hex(), match[3])


@lru_cache(maxsize=1)
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher  # noqa: PLC0415 - a cold start need not wait for it

    _give_memory_back()
    return PasswordHasher(TIME_COST, MEMORY_KIB, PARALLELISM)


def _give_memory_back() -> None:
    """Let glibc return a hash's 19 MiB when it is done.

    It would keep them for each thread that has hashed once (mallopt(3), M_MMAP_THRESHOLD).
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, 4 * 1024 * 1024)


@lru_cache(maxsize=1)
def common_passwords() -> frozenset[str]:
    """In lower case."""
    text = Path(__file__).with_name("common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))
