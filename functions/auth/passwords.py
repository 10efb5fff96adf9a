"""Password hashes: argon2id, computed in threads with bounded concurrency.

A hash takes 19 MiB and about 30 ms of a core on purpose, so unbounded concurrent logins would
exhaust the memory. Hashes of the original (werkzeug's PBKDF2) still verify.
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
"""Source: OWASP's Password Storage Cheat Sheet: argon2id, 19 MiB, 2 iterations, parallelism 1."""

MAX_WAITING = 100
"""Passwords that may wait to be hashed; at 30 ms each the last one waits three seconds."""

# The hash of a discarded random password, with the parameters above. It is verified for unknown
# accounts, so that their refusal takes as long as that of a known one.
DUMMY_HASH = (
    "$argon2id$v=19$m=19456,t=2,p=1$erxrw7LNH2gcSGX3t0IneQ"
    "$s3Yy6wQfnx5cL7F/O229IRKPe6dZ1WfBDRRvFZGvwYM"
)

LEGACY, LEGACY_END = "pbkdf2:", "pbkdf2;"
"""The prefix of the original's hashes, and a text that sorts after all of them."""

_WERKZEUG = re.compile(
    r"pbkdf2:sha256:([1-9][0-9]{0,6})\$([\x21-\x23\x25-\x7e]{1,64})\$([0-9a-f]{64})"
)
_MAX_ITERATIONS = 2_000_000
_M_MMAP_THRESHOLD = -3


class Verification(NamedTuple):
    matches: bool
    outdated: bool
    """Whether the hash should be replaced by one with the present parameters."""


class Passwords:
    """Hashes and verifies passwords. One instance per process bounds all of its requests."""

    def __init__(self, concurrency: int) -> None:
        self._slots = asyncio.Semaphore(concurrency)
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """Raises `HashingBusy`."""
        return await self._in_thread(_hash, password)

    async def verify(self, hashed: str | None, password: str, *, rounds: int = 0) -> Verification:
        """Verify a password; `hashed` is None for an unknown account.

        `rounds` are the iterations of the slowest legacy hash of any account. The work is the same
        for every kind of hash and for none. Raises `HashingBusy`.
        """
        return await self._in_thread(_verify, hashed, password, rounds)

    async def _in_thread(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        if self._waiting >= MAX_WAITING:
            raise HashingBusy(Text("Inténtelo de nuevo.", "Try again."), retry_after=2)
        self._waiting += 1
        try:
            async with self._slots:
                return await asyncio.to_thread(work, *args, **kwargs)
        finally:
            self._waiting -= 1


def _hash(password: str) -> str:
    return _hasher().hash(canonical_password(password))


def _verify(hashed: str | None, password: str, rounds: int) -> Verification:
    """Computes one argon2 hash and `rounds` iterations of PBKDF2 in every case."""
    legacy = hashed is not None and hashed.startswith(LEGACY)
    result = _verify_argon2(DUMMY_HASH if hashed is None or legacy else hashed, password)
    done = 0
    if hashed is None:
        result = Verification(matches=False, outdated=False)
    elif legacy:
        done = legacy_rounds(hashed)
        result = Verification(matches=_verify_werkzeug(hashed, password), outdated=True)
    if rounds > done:
        hashlib.pbkdf2_hmac("sha256", password.encode(), b"nobody", rounds - done)
    return result


def _verify_argon2(hashed: str, password: str) -> Verification:
    from argon2.exceptions import Argon2Error, InvalidHashError  # noqa: PLC0415 - as in _hasher

    try:
        _hasher().verify(hashed, canonical_password(password))
    except (Argon2Error, InvalidHashError):
        return Verification(matches=False, outdated=False)
    return Verification(matches=True, outdated=_hasher().check_needs_rehash(hashed))


def legacy_rounds(hashed: str) -> int:
    """Iterations of a legacy hash; 0 for an unsupported one."""
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

    _return_freed_memory()
    return PasswordHasher(TIME_COST, MEMORY_KIB, PARALLELISM)


def _return_freed_memory() -> None:
    """Makes glibc return the 19 MiB of a hash to the system when it is freed.

    It would otherwise keep them per thread (mallopt(3), M_MMAP_THRESHOLD).
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, 4 * 1024 * 1024)


@lru_cache(maxsize=1)
def common_passwords() -> frozenset[str]:
    """Passwords in lower case, from `common_passwords.txt`."""
    text = Path(__file__).with_name("common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))
