"""Builds the OpenAPI document: Litestar's, completed with what Litestar cannot derive.

Litestar generates paths, parameters and schemas. Security and error responses come from the guards,
rules of bodies from `Strict`, and headers and links from `described(...)` (`operations.py`).
tests/fuzz checks every response of the services against the document. `docs.py` serves it; this
module is imported with the first request for it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from functions.kit.base.fields import Strict
from functions.kit.base.money import MAX_ID
from functions.kit.http.guards import Requires
from functions.kit.http.operations import (
    INTERNAL,
    LOCATION,
    Described,
    Header,
    described_of,
)
from functions.kit.http.problems import MEDIA_TYPE
from functions.kit.http.services import AppServices, services_of
from functions.kit.http.topics import Topic

_NULL = {"type": "null"}

_RETRY_AFTER = {
    "description": "Seconds to wait",
    "required": True,
    "schema": {"type": "integer", "minimum": 1},
}
_CHALLENGE = {"required": True, "schema": {"type": "string", "const": "Bearer"}}
_HEADERS_OF_REFUSALS = {
    "401": {"WWW-Authenticate": _CHALLENGE},
    "429": {"Retry-After": _RETRY_AFTER},
    "503": {"Retry-After": _RETRY_AFTER},
}
_PHRASES = {
    "400": "Bad Request",
    "401": "Unauthorized",
    "403": "Forbidden",
    "413": "Content Too Large",
    "415": "Unsupported Media Type",
    "503": "Service Unavailable",
}


_SERVICE = Topic("service", "The service itself.", ("",))

_NEXT_PAGE = Header("Link", 'The next page, where there is more: `<...>; rel="next"`')


def document(app: Litestar, *, internal: bool = False) -> dict[str, Any]:
    """The OpenAPI document of the mounted routes: of the public API, or of the internal one.

    Redirects are omitted: their target is in another service's document.
    """
    schema: dict[str, Any] = msgspec.json.decode(
        msgspec.json.encode(app.openapi_schema.to_schema())
    )
    schema["paths"] = {
        path: item
        for path, item in schema["paths"].items()
        if path.startswith(INTERNAL) is internal
    }
    operations = list(_operations(app, schema["paths"]))
    operations = [each for each in operations if not _remove_redirect(each, schema["paths"])]
    for component in schema["components"]["schemas"].values():
        for member in component.get("properties", {}).values():
            _flatten(member, nullable=True)
    ids = {name: operation["operationId"] for name, operation, _ in operations}
    for _, operation, handler in operations:
        _complete(operation, handler)
        _describe_body(operation, handler, schema["components"]["schemas"])
        _link(operation, handler, ids)
    _sort_by_topic(schema, operations, services_of(app, AppServices).topics)
    if internal:
        schema["info"]["title"] += ", internal API"
    _convert_bounds(schema)
    _remove_unused(schema)
    return schema


def _remove_redirect(
    named: tuple[str, dict[str, Any], HTTPRouteHandler], paths: dict[str, Any]
) -> bool:
    """Remove an operation that is a redirect; returns whether it is one."""
    name, _, handler = named
    if not 300 <= (handler.status_code or 200) < 400:
        return False
    method, _, path = name.partition(" ")
    del paths[path][method.lower()]
    if not paths[path]:
        del paths[path]
    return True


def _sort_by_topic(
    schema: dict[str, Any],
    operations: Sequence[tuple[str, dict[str, Any], HTTPRouteHandler]],
    topics: Sequence[Topic],
) -> None:
    used: dict[str, Topic] = {}
    for name, operation, _ in operations:
        segment = name.partition("/")[2].partition("/")[0]
        own = next((topic for topic in topics if segment in topic.paths), None)
        topic = own or (Topic(segment, f"Under /{segment}.", ()) if segment else _SERVICE)
        used[topic.name] = topic
        operation["tags"] = [topic.name]
    order = [*topics, *used.values()]
    named = {topic.name: topic for topic in order if topic.name in used}
    schema["tags"] = [
        {"name": topic.name, "description": topic.description} for topic in named.values()
    ]


def _remove_unused(schema: dict[str, Any]) -> None:
    """Keep only the component schemas that are referenced."""
    schemas = schema["components"]["schemas"]
    waiting, used = [schema["paths"]], set[str]()
    while waiting:
        for reference in _references(waiting.pop()):
            name = reference.rpartition("/")[2]
            if name not in used:
                used.add(name)
                waiting.append(schemas[name])
    schema["components"]["schemas"] = {
        name: schemas[name] for name in sorted(schemas) if name in used
    }


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(reference := part.get("$ref"), str):
            yield reference
        part = list(part.values())
    for inner in part if isinstance(part, list) else ():
        yield from _references(inner)


def _operations(
    app: Litestar, paths: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any], HTTPRouteHandler]]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            path = route.path_format or "/"
            for handler in route.route_handlers:
                for method in handler.http_methods:
                    operation = paths.get(path, {}).get(method.lower())
                    if operation is not None:
                        yield f"{method} {path}", operation, handler


def _complete(operation: dict[str, Any], handler: HTTPRouteHandler) -> None:
    """Add what all operations have in common: security, error responses, the summary, headers."""
    own, responses = described_of(handler), operation["responses"]
    guards = [guard for guard in handler.resolve_guards() if isinstance(guard, Requires)]
    refusals = {"503"} & responses.keys()
    if "400" in responses or "requestBody" in operation or own.request_headers:
        responses.pop("400", None)  # Litestar's own, which is not a problem document
        refusals.add("400")
    if "requestBody" in operation:
        refusals |= {"413", "415"}
    _summarize(operation, handler)
    # An empty list means that no authentication is required.
    operation["security"] = [{"bearer": []}] if guards else []
    if guards:
        refusals.add("401")
        if any(guard.roles for guard in guards):
            refusals.add("403")
    for status in sorted(refusals):
        responses.setdefault(status, _refusal(_PHRASES[status]))
    responses.setdefault("default", _refusal("Any other refusal"))
    for status, headers in _HEADERS_OF_REFUSALS.items():
        if status in responses:
            responses[status]["headers"] = headers
    _complete_headers(operation, own)


def _summarize(operation: dict[str, Any], handler: HTTPRouteHandler) -> None:
    """Split off the first sentence of a handler's docstring as the summary, unless it has one."""
    text = operation.pop("description", "")
    head, _, rest = text.partition("\n\n")
    sentence, dot, more = head.partition(". ")
    if handler.summary is None and sentence:
        operation["summary"] = sentence.rstrip(".").replace("\n", " ")
        text = "\n\n".join(part for part in (more if dot else "", rest) if part)
    if text:
        operation["description"] = text


def _complete_headers(operation: dict[str, Any], own: Described) -> None:
    parameters = operation.setdefault("parameters", [])
    for parameter in parameters:
        # A URL parameter may be missing, but is never null.
        _flatten(parameter["schema"], nullable=False)
    headers_of_response = list(own.response_headers)
    if any(parameter["name"] == "after" for parameter in parameters):
        headers_of_response.append(_NEXT_PAGE)
    parameters.extend(
        {"name": header.name, "in": "header", **header.parameter()}
        for header in own.request_headers
    )
    for status, response in operation["responses"].items():
        if status[0] in "23":
            headers = response.setdefault("headers", {})
            headers |= {header.name: header.parameter() for header in headers_of_response}
            if status == "201" and own.location is not None:
                headers[LOCATION.name] = LOCATION.parameter()


def _refusal(description: str) -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": description, "content": content}


def _flatten(schema: dict[str, Any], *, nullable: bool) -> None:
    """Replace `oneOf` a type and null by the type itself, with null in `type` if `nullable`."""
    choices = schema.get("oneOf", [])
    if len(choices) == 2 and _NULL in choices:
        choice = next(choice for choice in choices if choice != _NULL)
        if nullable and "type" not in choice:
            return  # a reference
        del schema["oneOf"]
        schema |= choice
        if nullable:
            schema["type"] = [choice["type"], "null"]


def _describe_body(
    operation: dict[str, Any], handler: HTTPRouteHandler, schemas: dict[str, Any]
) -> None:
    """Complete the schemas of a request body: no additional properties, and the `Strict` rules."""
    field = handler.parsed_data_field
    if field is None:
        return
    if field.is_optional:
        operation["requestBody"]["required"] = False
    kinds = [kind.annotation for kind in field.inner_types] if field.is_optional else []
    for kind in [*kinds, field.annotation]:
        if isinstance(kind, type) and issubclass(kind, Strict):
            for name, struct in _structs(kind):
                schemas[name]["additionalProperties"] = False
                _merge(schemas[name], struct.described)
                if struct.forms:
                    _split(name, struct.forms, schemas)
            if kind.example is not None:
                for media in operation["requestBody"]["content"].values():
                    media["example"] = dict(kind.example)


def _split(name: str, forms: Mapping[str, Mapping[str, Any]], schemas: dict[str, Any]) -> None:
    """Replace a body's schema by `oneOf` a named schema for each of its forms."""
    whole = schemas[name]
    for form, described in forms.items():
        properties = {
            member: {**whole["properties"][member], **more}
            for member, more in described["properties"].items()
        }
        for member, more in described["properties"].items():
            if more.get("type") == "null":  # without the bounds of the other type
                properties[member] = dict(more)
        schemas[form] = {
            "type": "object",
            "title": form,
            "description": described.get("description", whole.get("description", "")),
            "properties": properties,
            "required": list(described.get("required", ())),
            "additionalProperties": False,
        }
    schemas[name] = {
        "title": name,
        "description": whole.get("description", ""),
        "oneOf": [{"$ref": f"#/components/schemas/{form}"} for form in forms],
    }


def _structs(kind: type[Strict]) -> Iterator[tuple[str, type[Strict]]]:
    """A body and its nested structs, each with the name of its schema."""
    yield kind.__name__, kind
    for field in msgspec.structs.fields(kind):
        for inner in _inside(field.type):
            yield from _structs(inner)


def _inside(annotation: Any) -> Iterator[type[Strict]]:
    if isinstance(annotation, type) and issubclass(annotation, Strict):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _inside(argument)


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, Mapping) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value


def _link(operation: dict[str, Any], handler: HTTPRouteHandler, ids: Mapping[str, str]) -> None:
    links = {
        name: {
            "operationId": ids[link.target],
            "parameters": dict(link.parameters),
            **({} if link.body is None else {"requestBody": dict(link.body)}),
        }
        for name, link in described_of(handler).links.items()
    }
    for status, response in operation["responses"].items():
        if links and status[0] == "2":
            response["links"] = links


def _convert_bounds(part: Any) -> None:
    """Convert bounds to integers. Litestar makes them floats, which cannot represent `MAX_ID`."""
    if isinstance(part, dict):
        for name in ("minimum", "maximum"):
            bound = part.get(name)
            if isinstance(bound, float) and bound.is_integer():
                part[name] = min(int(bound), MAX_ID)
    for inner in part.values() if isinstance(part, dict) else part:
        if isinstance(inner, dict | list):
            _convert_bounds(inner)
