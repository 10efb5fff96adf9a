"""A list of the back office: its filters, its order, its page, and where the next one is.

A page declares a `ListOf`, reads a `Listing` from the request's address, and renders it with the
macros of `templates/tables.html`. Everything that a list depends on is in its address, so that
Back, reload and a bookmark show the same.
"""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any, NamedTuple, TypeVar

from litestar import Response

from functions.storefront.clients.service import Caller, Refused
from functions.storefront.domain.amounts import amount
from functions.storefront.domain.search_texts import MAX_TEXT, one_line
from functions.storefront.translations import N_
from functions.storefront.visits import NO_PAGE, Visit

T = TypeVar("T")

PAGE = 50
"""Rows on a page."""
MAX_WHOLE = 10**18

TEXT, SEARCH, WHOLE, AMOUNT, DAY, CHOICE = "text", "search", "whole", "amount", "date", "choice"
"""Kinds of filters."""

Page = tuple[list[T], str | None]
"""Rows, and the cursor of the next page."""
Read = Callable[[Caller, dict[str, Any]], Awaitable[Page[T]]]
"""Asks a service for a page; the dict has the chosen filters, `sort`, `limit` and `after`."""


class Filter(NamedTuple):
    name: str
    """Of the field, and of the parameter for the service."""
    label: str
    kind: str = TEXT
    choices: tuple[tuple[str, str], ...] = ()
    """Values and labels of a `CHOICE`; none of them is chosen at first."""


class Column(NamedTuple):
    name: str
    label: str
    sorts: tuple[str, str] | None = None
    """Values of `sort` for ascending and descending; None: no list is sorted by it."""
    kind: str = ""
    """A class of the stylesheet: `amount` for numbers."""


class ListOf(NamedTuple):
    """What a list of the back office has."""

    path: tuple[str, ...]
    """Of its page, without the language: `("staff", "books")`."""
    columns: tuple[Column, ...]
    filters: tuple[Filter, ...] = ()
    sort: str | None = None
    """The order without a choice, as a value of one of the columns; None: the service's."""
    exported: bool = False
    """Whether `{path}.csv` has the whole list."""


class Header(NamedTuple):
    """A column's header. `url` sorts by it, `direction` is `aria-sort`'s value."""

    label: str
    kind: str
    url: str | None
    direction: str | None


class Field(NamedTuple):
    """A filter as the form shows it."""

    name: str
    label: str
    kind: str
    choices: list[tuple[str, str]]
    value: str
    problem: str | None


class Listing:
    """One page of a list, as the address says. A filter that makes no sense is left out."""

    def __init__(self, visit: Visit, spec: ListOf) -> None:
        self.visit = visit
        self.spec = spec
        self.status = 200
        self.refused: str | None = None
        """Why the whole list was refused."""
        self.problems: dict[str, str] = {}
        """Messages beside the filters that were left out."""
        self.next_cursor: str | None = None
        query = visit.request.query_params
        self.after: str | None = query.get("after") or None
        self.typed = {each.name: query.get(each.name, "").strip() for each in spec.filters}
        self.chosen: dict[str, str] = {}
        for each in spec.filters:
            value = self._checked(each, self.typed[each.name])
            if value:
                self.chosen[each.name] = value
        known = {value for column in spec.columns for value in column.sorts or ()}
        asked = query.get("sort")
        self.sort = asked if asked in known else spec.sort

    def _checked(self, each: Filter, typed: str) -> str:
        """The value for the service; empty where the filter is left out."""
        if not typed:
            return ""
        value, problem = _read(each, typed)
        if problem is not None:
            self.problems[each.name] = self.visit.gettext(problem)
        return value

    @property
    def parameters(self) -> dict[str, Any]:
        """The chosen filters and the order, for the service."""
        return {**self.chosen, "sort": self.sort} if self.sort else dict(self.chosen)

    async def read(self, read: Read[T], *, limit: int = PAGE) -> list[T]:
        """The page's rows. What a service refuses of the filters is shown beside them."""
        asked = {**self.parameters, "limit": limit, "after": self.after}
        try:
            rows, self.next_cursor = await self.visit.as_customer(
                lambda caller: read(caller, asked)
            )
        except Refused as refusal:
            if refusal.status != 400:
                raise
            self.status = refusal.status
            self.problems = {**self.problems, **refusal.fields}
            gone = "after" in refusal.fields
            self.refused = self.visit.gettext(NO_PAGE) if gone else self.visit.reason(refusal)
            return []
        return rows

    # What templates read.

    @property
    def fields(self) -> list[Field]:
        gettext = self.visit.gettext
        return [
            Field(
                each.name,
                gettext(each.label),
                each.kind,
                [(value, gettext(label)) for value, label in each.choices],
                self.typed[each.name],
                self.problems.get(each.name),
            )
            for each in self.spec.filters
        ]

    @property
    def headers(self) -> list[Header]:
        return [self._header(column) for column in self.spec.columns]

    def _header(self, column: Column) -> Header:
        label, kind = self.visit.gettext(column.label), column.kind
        if column.sorts is None:
            return Header(label, kind, None, None)
        up, down = column.sorts
        direction = {up: "ascending", down: "descending"}.get(self.sort or "")
        return Header(label, kind, self._url(sort=down if self.sort == up else up), direction)

    @property
    def filtered(self) -> bool:
        return bool(self.chosen)

    @property
    def url(self) -> str:
        """The list without filters."""
        return self.visit.url(*self.spec.path)

    @property
    def first_url(self) -> str | None:
        return self._url(sort=self.sort) if self.after else None

    @property
    def next_url(self) -> str | None:
        return self._url(sort=self.sort, after=self.next_cursor) if self.next_cursor else None

    @property
    def csv_url(self) -> str | None:
        if not self.spec.exported:
            return None
        *folder, name = self.spec.path
        return self.visit.url(*folder, f"{name}.csv", **self.parameters)

    def _url(self, **more: str | None) -> str:
        return self.visit.url(*self.spec.path, **{**self.chosen, **more})

    def column(self, name: str) -> Header:
        """For a cell: a narrow screen shows the column's label before the value."""
        return self._header(next(each for each in self.spec.columns if each.name == name))


def _read(each: Filter, typed: str) -> tuple[str, str | None]:
    """The value for the service, and a problem where there is none."""
    if each.kind == CHOICE:
        return (typed if typed in dict(each.choices) else ""), None
    if each.kind == WHOLE:
        digits = typed.removeprefix("#")
        if digits.isascii() and digits.isdecimal() and 0 < int(digits[:19]) <= MAX_WHOLE:
            return str(int(digits[:19])), None
        return "", N_("Write a whole number such as 17.")
    if each.kind == AMOUNT:
        read = amount(typed)
        return (read, None) if read else ("", N_("Write an amount such as 12.50."))
    if each.kind == DAY:
        try:
            return date.fromisoformat(typed[:11]).isoformat(), None
        except ValueError:
            return "", N_("Write a date such as 2026-03-14.")
    text = one_line(typed)
    if len(text) > MAX_TEXT:
        return "", N_("Use at most 200 characters.")
    return text, None


def confirmation_page(visit: Visit, **texts: Any) -> Response[bytes]:
    """Asks before a change: `title`, `text`, `button` and `back`; `fields` are hidden ones, and
    `danger` is false where the change can be taken back.

    The page is a GET at the address that the change is sent to, so it needs no JavaScript.
    """
    shown = {"fields": {}, "danger": True, **texts}
    return visit.page("confirm.html", action=visit.path, **shown)
