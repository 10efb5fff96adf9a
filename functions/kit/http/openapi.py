"""The OpenAPI document, completed until it says what the code does.

Litestar writes paths, parameters and schemas. What it cannot know is taken from where it is
decided: guards, `Strict` bodies and their `described` rules, and what a handler says of itself with
`opt=described(...)`. tests/fuzz holds every answer of the services against the document.
Next file: `docs`, which serves it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from functions.kit.base.fields import Strict
from functions.kit.base.money import MAX_ID
from functions.kit.http.etags import PATTERN
from functions.kit.http.guards import Requires
from functions.kit.http.idempotency import KEY
from functions.kit.http.problems import MEDIA_TYPE
from functions.kit.http.services import AppServices, services_of
from functions.kit.http.topics import Topic

_OPT = "described"

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


class Header(NamedTuple):
    """A header of a request or of a successful answer."""

    name: str
    description: str
    schema: Mapping[str, str] = {}
    """What more is known than that it is a string."""
    required: bool = False

    def parameter(self) -> dict[str, Any]:
        return {
            "description": self.description,
            "required": self.required,
            "schema": {"type": "string", **self.schema},
        }


class Link(NamedTuple):
    """Where one can go from an answer: `target` is a method and a path of the same service.

    `parameters` and `body` name what is taken from the answer, by runtime expressions.
    """

    target: str
    parameters: Mapping[str, str] = {}
    body: Mapping[str, object] | None = None


class Described(NamedTuple):
    takes: Sequence[Header] = ()
    gives: Sequence[Header] = ()
    leads_to: Mapping[str, Link] = {}
    location: str | None = None
    any_query: bool = False


IDEMPOTENCY_KEY = Header(
    "Idempotency-Key", "Makes it safe to send the same request again", {"pattern": f"^{KEY}$"}
)
IDEMPOTENCY_REPLAYED = Header("Idempotency-Replayed", "`true` where the answer was kept")
IF_MATCH = Header(
    "If-Match",
    "ETag of the version that was seen, or `*`",
    {"format": "entity-tag", "pattern": PATTERN},
)
IF_NONE_MATCH = Header("If-None-Match", "ETag of the version that one has")
ETAG = Header("ETag", "The version", required=True)
LOCATION = Header("Location", "Where it is", required=True)
_NEXT_PAGE = Header("Link", 'The next page, where there is more: `<...>; rel="next"`')


def described(
    *,
    takes: Sequence[Header] = (),
    gives: Sequence[Header] = (),
    leads_to: Mapping[str, Link] | None = None,
    location: str | None = None,
    any_query: bool = False,
) -> dict[str, Any]:
    """`opt=` of a handler: headers that it reads and sets, and links from its answer.

    `location` is where a 201 leads: a path whose names in braces are members of the answer, such
    as `/books/{book_id}`. The header is set by `responses` and described here.
    With `any_query` the address may have parameters that the handler does not name.
    """
    return {_OPT: Described(takes, gives, leads_to or {}, location, any_query)}


def described_of(handler: HTTPRouteHandler) -> Described:
    """What a handler says of itself."""
    found: Described = handler.opt.get(_OPT, _NOTHING)
    return found


_NOTHING = Described()


_SERVICE = Topic("service", "The service itself.", ("",))

INTERNAL = ("/internal/", "/events", "/metrics")
"""Paths of the internal API: a document of its own, and no page of a browser has business there."""


def document(app: Litestar, *, internal: bool = False) -> dict[str, Any]:
    """The OpenAPI document of the public API, or of the internal one, as far as it is mounted.

    Redirects are left out: their target is another service's, and stands in its document.
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
    operations = [each for each in operations if not _leave_out(each, schema["paths"])]
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
    _whole_numbers(schema)
    _keep_what_is_used(schema)
    return schema


def _leave_out(named: tuple[str, dict[str, Any], HTTPRouteHandler], paths: dict[str, Any]) -> bool:
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


def _keep_what_is_used(schema: dict[str, Any]) -> None:
    """Only the components that something refers to."""
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
    """What every operation has in common, so that no handler says it again."""
    own, responses = described_of(handler), operation["responses"]
    guards = [guard for guard in handler.resolve_guards() if isinstance(guard, Requires)]
    refusals = {"503"} & responses.keys()
    if "400" in responses or "requestBody" in operation or own.takes:
        responses.pop("400", None)  # Litestar describes a refusal of its own there
        refusals.add("400")
    if "requestBody" in operation:
        refusals |= {"413", "415"}
    _summarize(operation, handler)
    # Said of every operation: an empty list is "nobody is asked for anything".
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
    """The first sentence of a handler's docstring is the summary, unless it names another."""
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
        # A parameter of a URL is there or is not; it is never null.
        _flatten(parameter["schema"], nullable=False)
    gives = list(own.gives)
    if any(parameter["name"] == "after" for parameter in parameters):
        gives.append(_NEXT_PAGE)
    parameters.extend(
        {"name": header.name, "in": "header", **header.parameter()} for header in own.takes
    )
    for status, response in operation["responses"].items():
        if status[0] in "23":
            headers = response.setdefault("headers", {})
            headers |= {header.name: header.parameter() for header in gives}
            if status == "201" and own.location is not None:
                headers[LOCATION.name] = LOCATION.parameter()


def _refusal(description: str) -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": description, "content": content}


def _flatten(schema: dict[str, Any], *, nullable: bool) -> None:
    """One type in place of a choice between it and null, so that its bounds stand beside it."""
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
    """A body is refused for what it holds besides, and by rules that types cannot say."""
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
    """A named schema for each form of a body; the body is one of them."""
    whole = schemas[name]
    for form, said in forms.items():
        properties = {
            member: {**whole["properties"][member], **more}
            for member, more in said["properties"].items()
        }
        for member, more in said["properties"].items():
            if more.get("type") == "null":  # none of the bounds of what it might have been
                properties[member] = dict(more)
        schemas[form] = {
            "type": "object",
            "title": form,
            "description": said.get("description", whole.get("description", "")),
            "properties": properties,
            "required": list(said.get("required", ())),
            "additionalProperties": False,
        }
    schemas[name] = {
        "title": name,
        "description": whole.get("description", ""),
        "oneOf": [{"$ref": f"#/components/schemas/{form}"} for form in forms],
    }


def _structs(kind: type[Strict]) -> Iterator[tuple[str, type[Strict]]]:
    """A body and the bodies in it, by the names of their schemas."""
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
        for name, link in described_of(handler).leads_to.items()
    }
    for status, response in operation["responses"].items():
        if links and status[0] == "2":
            response["links"] = links


def _whole_numbers(part: Any) -> None:
    """Litestar keeps a parameter's bounds as floats, of which the largest id is none."""
    if isinstance(part, dict):
        for name in ("minimum", "maximum"):
            bound = part.get(name)
            if isinstance(bound, float) and bound.is_integer():
                part[name] = min(int(bound), MAX_ID)
    for inner in part.values() if isinstance(part, dict) else part:
        if isinstance(inner, dict | list):
            _whole_numbers(inner)
