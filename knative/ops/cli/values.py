"""Values of options: which texts are valid, and what they become.

Converters and validators of cyclopts; their ValueErrors are printed after the name of the option.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Annotated, Any, Literal, get_args

from cyclopts import Parameter, Token
from cyclopts.validators import Number

ServiceWithAPI = Literal["auth", "catalog", "notifications", "purchase"]
Service = Literal[ServiceWithAPI, "storefront"]
API = Literal[
    "auth",
    "catalog",
    "notifications",
    "purchase",
    "auth-internal",
    "catalog-internal",
    "notifications-internal",
    "purchase-internal",
]
KnativeService = Literal[API, "storefront"]
SERVICES_WITH_API: tuple[str, ...] = get_args(ServiceWithAPI)
"""Those with a database, a public and an internal API."""
SERVICES: tuple[str, ...] = get_args(Service)
"""Each has an image."""
APIS: tuple[str, ...] = get_args(API)
"""Two of each service with a database: one serves its public API, one its internal API."""
KNATIVE_SERVICES: tuple[str, ...] = get_args(KnativeService)
OBSERVABILITY = "observability"
GROUPS: tuple[str, ...] = (OBSERVABILITY,)
"""Of the platform's optional parts."""
STOREFRONT = "storefront"
"""The pages. It calls the public APIs, and has no internal one."""

_IMAGE = re.compile(r"[a-z0-9][\w./:-]*(@sha256:[0-9a-f]{64})?")
_REGISTRY = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9.-]*(:\d+)?(/[a-z0-9._-]+)*")
_HOST = re.compile(r"([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z0-9][-a-z0-9]*")


def _like(pattern: str | re.Pattern[str], expected: str) -> Parameter:
    """A text that matches the whole pattern, or is empty."""

    def check(_: Any, value: str) -> None:
        if value and not re.fullmatch(pattern, value):
            raise ValueError(f"Expected {expected}.")

    return Parameter(validator=check)


def _separated(tokens: Iterable[Token]) -> Iterator[str]:
    """The values of an option that is given several times, or once with commas."""
    for token in tokens:
        yield from filter(None, (part.strip() for part in token.value.split(",")))


def _several(check: Callable[[str], object] = str) -> Parameter:
    def convert(_: Any, tokens: Sequence[Token]) -> tuple[str, ...]:
        values = tuple(_separated(tokens))
        for value in values:
            check(value)
        return values

    return Parameter(converter=convert)


def _pairs(
    names: Collection[str] | None, convert_value: Callable[[str], object], metavar: str
) -> Parameter:
    """NAME=VALUE, several times or with commas; any name where `names` is None."""

    def convert(_: Any, tokens: Sequence[Token]) -> dict[str, object]:
        found = {}
        for text in _separated(tokens):
            name, equals, value = text.partition("=")
            if not equals:
                raise ValueError(f"{text!r} is not NAME=VALUE")
            if names is not None and name not in names:
                raise ValueError(f"{name!r} is none of {', '.join(names)}")
            found[name] = convert_value(value)
        return found

    return Parameter(converter=convert, accepts_keys=False, n_tokens=-1, metavar=metavar)


def _pods(text: str) -> int:
    if not text.isdigit():
        raise ValueError(f"{text!r} is not a number of pods")
    return int(text)


def _image(text: str) -> str:
    if not _IMAGE.fullmatch(text):
        raise ValueError(f"{text!r} is not the name of an image")
    return text


def _linux(text: str) -> None:
    if not re.fullmatch(r"linux/\w+(/\w+)?", text):
        raise ValueError(f"{text!r} is not a platform such as linux/arm64")


def _group(text: str) -> None:
    if text not in GROUPS:
        raise ValueError(f"{text!r} is none of {', '.join(GROUPS)}")


def _mirror(text: str) -> str:
    if not re.fullmatch(r"(https?://|\.{0,2}/)?[\w.:/-]+", text):
        raise ValueError(f"{text!r} is not a prefix such as mirror.example:5000/quay")
    return text.rstrip("/")


def _index_url(_: Any, tokens: Sequence[Token]) -> str:
    """A converter, because the error of a validator would print the value."""
    url = tokens[-1].value
    if url and not re.fullmatch(r"https?://[^@\s]+", url):
        raise ValueError(
            "expected a URL such as https://mirror.example/simple, without a password, which the"
            " image's history would show"
        )
    return url


def _whole(_: Any, tokens: Sequence[Token]) -> int:
    """cyclopts alone rounds 10.5, and reads 0x10 and 1_0."""
    text = tokens[-1].value
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


MIN_SAMPLES = 5
"""Requests of each revision. Fewer prove nothing: of four that all fail beside four that do not,
the probability by chance is 1.4 %, and a breach is what has less than 1 %."""

Count = Annotated[int, Parameter(converter=_whole, validator=Number(gte=0))]
Samples = Annotated[int, Parameter(converter=_whole, validator=Number(gte=MIN_SAMPLES))]
ImageName = Annotated[str, _like(_IMAGE, "the name of an image")]
Registry = Annotated[str, _like(_REGISTRY, "a prefix of images, such as r.example:5000/bookstore")]
Tag = Annotated[str, _like(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", "a tag of images")]
Names = Annotated[tuple[str, ...], _several()]
Groups = Annotated[tuple[str, ...], _several(_group)]
Scale = Annotated[dict[str, int], _pairs(KNATIVE_SERVICES, _pods, "SERVICE=N")]
ImageOfService = Annotated[dict[str, str], _pairs(SERVICES, _image, "SERVICE=IMAGE")]
Mirror = Annotated[dict[str, str], _pairs(None, _mirror, "HOST=PREFIX")]
Platforms = Annotated[tuple[str, ...], _several(_linux)]
IndexUrl = Annotated[str, Parameter(converter=_index_url)]
Namespace = Annotated[
    str, _like(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", "a DNS label, such as bookstore")
]
Domain = Annotated[str, _like(_HOST, "a domain, such as shop.example.org")]
FileSystem = Annotated[str, _like(r"fs-[0-9a-f]{8,40}", "an EFS id, such as fs-0123abcd")]
Email = Annotated[str, _like(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an email address")]
HttpUrl = Annotated[str, _like(r"https?://[^\s@]+", "a URL such as http://127.0.0.1:9090")]
Repository = Annotated[
    str, _like(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+", "a repository on GitHub, OWNER/NAME")
]
Since = Annotated[str, _like(r"\d+[smh]", "a time such as 10m or 2h")]
Percent = Annotated[int, Parameter(converter=_whole, validator=Number(gte=0, lte=100))]
