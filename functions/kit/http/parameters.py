"""Checks path ids, query parameters and preconditions before any handler runs.

An unknown query parameter is an error, not ignored: a client that pages with `page=2` would read
page 1 forever, and a misspelt `max_prize=5` would return everything. An id has one spelling.
Preconditions are also evaluated for resources without a version, as RFC 9110 requires.
"""

import re
from collections.abc import Mapping
from typing import Any

from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from functions.kit.base.errors import FieldError, InvalidInput, NotFound, Text, UnknownParameter
from functions.kit.http import etags
from functions.kit.http.operations import IF_MATCH, described_of
from functions.kit.http.requests import AnyRequest

_WHOLE_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)")

_KINDS = "kinds of query parameters"


async def check(request: AnyRequest) -> None:
    """Litestar's `before_request`, which runs after the guards and before parameters are parsed.

    Raises `NotFound` for an invalid id, `UnknownParameter` or `InvalidInput` for the query,
    `PreconditionFailed` for a precondition that cannot be met.
    """
    scope = request.scope
    if scope["path_params"]:
        _check_ids(scope)
    handler = request.route_handler
    if scope["query_string"] and not _accepts_any_query(handler):
        _check_query(request, handler)
    if scope["method"] in {"PUT", "PATCH", "DELETE"} and (
        "if-match" in request.headers or "if-none-match" in request.headers
    ):
        _check_preconditions(request, handler)


def _check_ids(scope: Any) -> None:
    """An id is `[1-9][0-9]*`, whereas `int` also accepts 1_0. `PathId` checks the bounds."""
    parameters: Mapping[str, Any] = scope["path_params"]
    if scope["path"] != scope["path_template"].format(**parameters):
        raise NotFound(Text("No hay nada con ese id.", "There is nothing with that id."))


def _accepts_any_query(handler: HTTPRouteHandler) -> bool:
    """Whether the query is not checked: for redirects, which pass it on, and on declaration."""
    return 300 <= (handler.status_code or 200) < 400 or described_of(handler).any_query


def _check_query(request: AnyRequest, handler: HTTPRouteHandler) -> None:
    known = _kinds(request, handler)
    given = list(request.query_params.multi_items())
    names = [name for name, _ in given]
    if unknown := sorted(set(names) - known.keys()):
        raise _unknown(unknown, sorted(known))
    if len(set(names)) < len(names):
        from functions.kit.base.messages import TWICE  # noqa: PLC0415 - only for an error

        twice = sorted({name for name in names if names.count(name) > 1})
        raise _wrong([FieldError(name, TWICE) for name in twice])
    if errors := [error for name, value in given if (error := _error(name, value, known[name]))]:
        raise _wrong(errors)


def _kinds(request: AnyRequest, handler: HTTPRouteHandler) -> Mapping[str, Any]:
    """The types of a handler's query parameters, by their external names."""
    found: dict[str, Any] | None = handler.opt.get(_KINDS)
    if found is None:
        types = handler.parsed_fn_signature.parameters
        found = handler.opt[_KINDS] = {
            each.field_alias: types[each.field_name].annotation
            for route in request.app.routes
            if isinstance(route, HTTPRoute)
            for known, model in route.route_handler_map.values()
            if known is handler
            for each in model.expected_query_params
        }
    return found


def _error(name: str, value: str, kind: Any) -> FieldError | None:
    """The error of an invalid value that Litestar would accept: empty, `null`, or 1e2 for 100."""
    from functions.kit.base import messages  # noqa: PLC0415 - most requests have no query

    kinds = {kind, *getattr(kind, "__args__", ())}
    if not value:
        return FieldError(name, messages.EMPTY)
    if str in kinds:
        return None
    if value.lower() == "null" or (int in kinds and not _WHOLE_NUMBER.fullmatch(value)):
        return FieldError(name, messages.must_be(kind))
    return None


def _unknown(unknown: list[str], known: list[str]) -> UnknownParameter:
    from functions.kit.base.messages import UNKNOWN  # noqa: PLC0415 - only for an error

    named = ", ".join(name[:80] for name in unknown[:10])
    there = ", ".join(known)
    return UnknownParameter(
        Text(
            f"Aquí no hay parámetro {named}. "
            + (f"Los que hay: {there}." if known else "Esta ruta no tiene ninguno."),
            f"There is no parameter {named} here. "
            + (f"There are: {there}." if known else "This route has none."),
        ),
        errors=[FieldError(name[:80], UNKNOWN) for name in unknown[:10]],
    )


def _wrong(errors: list[FieldError]) -> InvalidInput:
    from functions.kit.base.language import listed  # noqa: PLC0415 - only for an error

    begin = Text("Corrija los parámetros: ", "Correct the parameters: ")
    pairs = [(each.field, each.message) for each in errors]
    return InvalidInput(listed(pairs, begin=begin), errors=errors)


def _check_preconditions(request: AnyRequest, handler: HTTPRouteHandler) -> None:
    """Evaluate preconditions on a resource without a version. Others the command evaluates."""
    if IF_MATCH.name not in {header.name for header in described_of(handler).request_headers}:
        etags.check(request.headers, None)
