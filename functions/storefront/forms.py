"""Reading HTML forms: bounded, each field once."""

import secrets
import string
from typing import Any
from urllib.parse import parse_qsl

from functions.kit.http.requests import AnyRequest, refuse_coding
from functions.storefront.domain.form_fields import ACCOUNT
from functions.storefront.errors import BadForm

MAX_FIELDS = 200
MAX_VALUE = 5000
"""Characters of a field; what a field may hold is said by the service that stores it."""
MAX_KEY = 64
MAX_ID = 10**18
_KEY = frozenset(string.ascii_letters + string.digits + "-_")


def new_key() -> str:
    """An idempotency key for one form, in a hidden field `key`.

    The same form sent twice, or again after a lost answer, then does once what it does.
    """
    return secrets.token_urlsafe(18)


class Form:
    """The fields of a form as they were typed."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values = values

    def text(self, name: str) -> str:
        """A field without blanks around it; empty where it is missing."""
        return self.values.get(name, "").strip()

    def secret(self, name: str) -> str:
        """A password, as it was typed."""
        return self.values.get(name, "")

    def whole(self, name: str, *, least: int, most: int) -> int | None:
        """A whole number within bounds; None for anything else."""
        typed = self.text(name)
        if not typed.isascii() or not typed.isdecimal() or len(typed) > 19:
            return None
        number = int(typed)
        return number if least <= number <= most else None

    def id(self, name: str) -> int | None:
        """The id of something; None for what cannot be one."""
        return self.whole(name, least=1, most=MAX_ID)

    @property
    def key(self) -> str:
        """The idempotency key that the form was made with; a new one where it has none."""
        key = self.text("key")
        return key if 8 <= len(key) <= MAX_KEY and _KEY.issuperset(key) else new_key()

    @property
    def holds_secret(self) -> bool:
        return any("password" in name for name in self.values)

    @property
    def account(self) -> int | None:
        """The account that the form's page was shown to; None where nobody had signed in."""
        return self.id(ACCOUNT)

    def kept(self, user_id: int | None) -> dict[str, str]:
        """The fields to be sent again: for the account that their page was shown to, else for
        this one, if any.
        """
        account = self.account or user_id
        return {**self.shown(ACCOUNT), **({} if account is None else {ACCOUNT: str(account)})}

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def shown(self, *without: str) -> dict[str, Any]:
        """What is shown again in the form's fields; passwords never are."""
        return {name: value for name, value in self.values.items() if name not in without}


_FORM = "form"


def form_of(request: AnyRequest) -> Form | None:
    """The form that the request's handler has read, if any."""
    found: Form | None = request.scope["state"].get(_FORM)
    return found


async def read_form(request: AnyRequest) -> Form:
    """The form of a request; of a repeated field the last value counts.

    Raises `BadForm` for what no page of the shop sends, `UnsupportedMediaType` for a compressed
    body.
    """
    refuse_coding(request)
    if not has_form(request):
        raise BadForm
    body = await request.body()
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError as error:
        raise BadForm from error
    values = {name: value.replace("\r\n", "\n") for name, value in pairs}
    if any(len(value) > MAX_VALUE for value in values.values()):
        raise BadForm
    form = Form(values)
    request.scope["state"][_FORM] = form
    return form


def has_form(request: AnyRequest) -> bool:
    """Whether the body is one that `read_form` reads; a form with a file is not."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/x-www-form-urlencoded"
