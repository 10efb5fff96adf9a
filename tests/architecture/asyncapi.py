"""The AsyncAPI document of all events, made from the code, the contracts and the table of types.

`python -m tests.architecture.asyncapi` writes `eventing/asyncapi.yaml`; a test compares the two.
Source: AsyncAPI 3.0.0; CloudEvents 1.0, HTTP protocol binding, for the headers of binary mode.
"""

import json
from pathlib import Path
from typing import Any

import yaml

from functions.kit.base.process import VERSION
from tests.architecture import markdown
from tests.architecture.services import EVENTING, NAMES, app_of
from tests.architecture.test_docs_events import rows

DOCUMENT = EVENTING / "asyncapi.yaml"

HEADING = """\
# Written by `python -m tests.architecture.asyncapi`. A test compares it with the code, the
# contracts and the Triggers.
"""

DESCRIPTION = """\
Every event of the bookstore, with the service that publishes it and those that consume it.

Events are CloudEvents 1.0 over HTTP in binary mode. An owner sends them to the Broker's address
(`K_SINK`); a Trigger per consumer and source delivers them to `POST /events` of the consumer's
internal API, at least once and in any order. A channel is a source: its events have contiguous
sequence numbers, and its owner's feed repairs what the broker loses.
"""

_STRING: dict[str, Any] = {"type": "string"}
_HEADERS: dict[str, Any] = {
    "ce-specversion": {"const": "1.0"},
    "ce-id": {"type": "string", "format": "uuid", "description": "UUIDv7 of the event"},
    "ce-time": {"type": "string", "format": "date-time", "description": "Time of the change, UTC"},
    "ce-dataschema": {"type": "string", "description": "Identifier of the contract"},
    "content-type": {"const": "application/json"},
}
_EXTENSIONS = {
    "sequence": {"type": "string", "pattern": "^[0-9]{20}$"},
    "revision": {"type": "string", "pattern": "^[0-9]+$"},
    "partitionkey": _STRING,
    "traceparent": _STRING,
    "signature": _STRING,
}
"""Patterns; their descriptions are those of the README's table."""


def document() -> dict[str, Any]:
    """The document; its references to contracts are relative to its file."""
    channels, operations, messages = {}, {}, {}
    for source, channel in _channels().items():
        owner = channel.partition("-")[0]
        types = [row for row in rows() if row[1] == source]
        channels[channel] = {
            "address": source,
            "title": f"{owner}'s {channel.partition('-')[2]}",
            "description": f"Events with the source `{source}`.",
            "messages": {row[0]: {"$ref": f"#/components/messages/{row[0]}"} for row in types},
        }
        operations[f"{owner}-publishes-{channel}"] = _operation(
            "send", channel, [row[0] for row in types], f"{owner} publishes to its outbox's sink"
        )
        for event_type, _, subject, _, _ in types:
            messages[event_type] = _message(event_type, source, subject)
        for consumer in NAMES:
            consumed = [row[0] for row in types if consumer in row[4].split(", ")]
            if consumed:
                operations[f"{consumer}-consumes-{channel}"] = _operation(
                    "receive",
                    channel,
                    consumed,
                    f"{consumer} consumes them at `POST /events` of its internal API",
                )
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Bookstore",
            "version": VERSION,
            "description": DESCRIPTION,
            "license": {
                "name": "Apache-2.0",
                "url": "https://www.apache.org/licenses/LICENSE-2.0",
            },
        },
        "defaultContentType": "application/json",
        "servers": {
            "broker": {
                "host": "bookstore-broker-ingress.bookstore.svc",
                "protocol": "http",
                "description": "The Broker's ingress, the value of `K_SINK` in a cluster.",
            }
        },
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": messages,
            "messageTraits": {"cloudevent": {"headers": _common_headers()}},
        },
    }


def text() -> str:
    body = yaml.dump(document(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return HEADING + body


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks, and no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(
    str,
    lambda dumper, value: dumper.represent_scalar(
        "tag:yaml.org,2002:str", value, style="|" if "\n" in value else None
    ),
)


def _channels() -> dict[str, str]:
    """The name of each source's channel: its owner and its stream, `catalog-books`."""
    return {
        stream.source: f"{name}-{stream.name}"
        for name in NAMES
        for stream in app_of(name).state.services.feed.streams.values()
    }


def _operation(action: str, channel: str, types: list[str], summary: str) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": f"{summary[0].upper()}{summary[1:]}.",
        "messages": [{"$ref": f"#/channels/{channel}/messages/{each}"} for each in types],
        "bindings": {"http": {"method": "POST"}},
    }


def _message(event_type: str, source: str, subject: str) -> dict[str, Any]:
    contract = f"contracts/{event_type}.schema.json"
    schema = json.loads((EVENTING / contract).read_text("utf-8"))
    return {
        "name": event_type,
        "title": schema["title"],
        "summary": schema["description"],
        "headers": {
            "type": "object",
            "required": ["ce-type", "ce-source", "ce-subject"],
            "properties": {
                "ce-type": {"const": event_type},
                "ce-source": {"const": source},
                "ce-subject": {"type": "string", "examples": [subject]},
            },
        },
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"./{contract}"},
        },
        "traits": [{"$ref": "#/components/messageTraits/cloudevent"}],
    }


def _common_headers() -> dict[str, Any]:
    extensions = {
        f"ce-{name}": {**_EXTENSIONS[name], "description": meaning[:1].upper() + meaning[1:]}
        for name, meaning in documented_extensions().items()
    }
    return {
        "type": "object",
        "required": ["ce-specversion", "ce-id", "content-type"],
        "properties": {**_HEADERS, **extensions},
    }


def documented_extensions() -> dict[str, str]:
    """The extension attributes of the README's table, with their meaning."""
    lines = markdown.sections(EVENTING / "README.md")["Attributes"].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    return {name.strip("`"): meaning for name, meaning in cells if name.startswith("`")}


def main(path: Path = DOCUMENT) -> None:
    path.write_text(text(), "utf-8")


if __name__ == "__main__":
    main()
