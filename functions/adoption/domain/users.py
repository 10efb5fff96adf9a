"""Accounts: one per address, with the id and the password of the original."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from functions.adoption.domain.decisions import Decisions
from functions.adoption.domain.findings import Action, Finding, What
from functions.adoption.domain.texts import one_line
from functions.auth.domain import MAX_EMAIL, email_key, parse_email
from functions.auth.errors import EmailInvalid
from functions.auth.passwords import legacy_rounds

MAX_NAME = 100
TABLE = "auth.user"

NO_PASSWORD = "!"  # noqa: S105 - like a locked account's in shadow(5); no hash matches it
"""The `password_hash` of an account that needs a reset."""


class OriginalUser(NamedTuple):
    id: int
    name: str | None
    email: str | None
    password: str | None


class User(NamedTuple):
    """A row of `users`. A closed account has its id only."""

    id: int
    email: str | None
    email_key: str | None
    name: str | None
    password_hash: str | None

    @property
    def is_closed(self) -> bool:
        return self.email_key is None


def closed(user_id: int) -> User:
    return User(user_id, None, None, None, None)


def key_of(email: str | None) -> str | None:
    """What is equal for two rows of one account; None where nobody can log in with it."""
    key = email_key(one_line(email))
    return key if 0 < len(key) <= MAX_EMAIL else None


def map_user(row: OriginalUser) -> tuple[User | None, list[Finding]]:
    """The account of a row that is not merged into another one."""
    if row.id < 1:
        return None, [Finding(TABLE, row.id, What.ID_INVALID, Action.REFUSED)]
    key = key_of(row.email)
    if key is None or row.email is None:
        return closed(row.id), [Finding(TABLE, row.id, What.EMAIL_MISSING, Action.REPAIRED)]
    address = one_line(row.email)
    findings = [
        Finding(TABLE, row.id, what, action) for what, action in _of_address(row.email, address)
    ]
    name = one_line(row.name)
    if name != (row.name or ""):
        findings.append(Finding(TABLE, row.id, What.NAME_TIDIED, Action.REPAIRED))
    if len(name) > MAX_NAME:
        name = name[:MAX_NAME].rstrip()
        findings.append(Finding(TABLE, row.id, What.NAME_CUT, Action.REPAIRED))
    password = row.password or ""
    if not legacy_rounds(password):
        password = NO_PASSWORD
        findings.append(Finding(TABLE, row.id, What.PASSWORD_UNUSABLE, Action.REPAIRED))
    return User(row.id, address, key, name or None, password), findings


def _of_address(email: str, address: str) -> Iterator[tuple[What, Action]]:
    if address != email:
        yield What.EMAIL_TIDIED, Action.REPAIRED
    try:
        parse_email(address)
    except EmailInvalid:
        yield What.EMAIL_UNDELIVERABLE, Action.KEPT
    else:
        if not address.isascii():
            yield What.EMAIL_NOT_ASCII, Action.KEPT


def merge(rows: Sequence[OriginalUser], decisions: Decisions) -> tuple[User | None, list[Finding]]:
    """One account of rows with the same key: the lowest id, and the password that was decided.

    That password opens the purchases of all rows, so by default none is taken.
    """
    valid = sorted(row for row in rows if row.id >= 1)
    refused = [
        Finding(TABLE, row.id, What.ID_INVALID, Action.REFUSED) for row in rows if row.id < 1
    ]
    if not valid:
        return None, refused
    first = valid[0]
    source = valid[-1] if decisions.merged_accounts == "last" else first
    names = [row.name for row in valid if one_line(row.name)]
    user, findings = map_user(
        OriginalUser(first.id, names[0] if names else None, first.email, source.password)
    )
    findings += refused
    if len(valid) > 1:
        findings += [
            Finding(TABLE, row.id, What.ACCOUNTS_MERGED, Action.REPAIRED, first.id)
            for row in valid[1:]
        ]
        if user is not None and decisions.merged_accounts == "reset":
            user = user._replace(password_hash=NO_PASSWORD)
            findings.append(Finding(TABLE, first.id, What.PASSWORD_UNUSABLE, Action.REPAIRED))
    return user, findings
