"""Reads the Triggers and PingSources of `eventing/`.

Stricter than Knative, which ignores a misspelt field: here it is an error that names the file and
the field. Other kinds, such as Broker, are ignored. Next file: `http_binding`.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path
from urllib.parse import urljoin, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from functions.local.broker.cron import Schedule, parse_cron
from functions.local.broker.errors import ManifestError
from functions.local.broker.node import Node
from functions.local.broker.policy import Backoff, DeliveryPolicy

PARALLELISM = "rabbitmq.eventing.knative.dev/parallelism"


@dataclass(frozen=True)
class Trigger:
    name: str
    filter: Mapping[str, str]
    subscriber: str
    policy: DeliveryPolicy
    dead_letter_sink: str | None
    parallelism: int | None
    namespace: str = "default"
    broker: str = "default"

    def matches(self, attributes: Mapping[str, str]) -> bool:
        return all(attributes.get(name) == value for name, value in self.filter.items())


@dataclass(frozen=True)
class PingSource:
    name: str
    namespace: str
    schedule: Schedule
    sink: str
    content_type: str | None
    data: bytes
    extensions: Mapping[str, str]


@dataclass(frozen=True)
class Manifests:
    triggers: tuple[Trigger, ...]
    ping_sources: tuple[PingSource, ...]


def load_manifests(folder: Path, addresses: Mapping[str, str], *more: Path) -> Manifests:
    """`more` are further folders. `addresses` are the local URLs of the Knative Services, by the
    name in a `ref`.

    Raises ManifestError.
    """
    folders = (folder, *more)
    for each in folders:
        if not each.is_dir():
            raise ManifestError(each, "", "the folder of manifests does not exist")
    triggers: dict[str, Trigger] = {}
    sources: dict[str, PingSource] = {}
    for file in (file for each in folders for file in sorted(each.rglob("*.yaml"))):
        for node in _documents(file):
            match node.optional("kind"):
                case "Trigger":
                    trigger = _trigger(node, addresses)
                    if trigger.name in triggers:
                        raise node.wrong("metadata.name", f"{trigger.name!r} exists already")
                    triggers[trigger.name] = trigger
                case "PingSource":
                    source = _ping_source(node, addresses)
                    if source.name in sources:
                        raise node.wrong("metadata.name", f"{source.name!r} exists already")
                    sources[source.name] = source
    return Manifests(tuple(triggers.values()), tuple(sources.values()))


def _documents(file: Path) -> list[Node]:
    try:
        documents = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(file, "", f"cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise ManifestError(file, "", f"is not YAML: {error}") from error
    return [Node(file, "", document) for document in documents if document is not None]


def _trigger(node: Node, addresses: Mapping[str, str]) -> Trigger:
    node.expect("apiVersion", "eventing.knative.dev/v1")
    metadata, spec = node.child("metadata"), node.child("spec")
    if spec.has("filters"):
        raise spec.wrong("filters", "the RabbitMQ broker ignores it; use filter.attributes")
    spec.only("broker", "filter", "delivery", "subscriber")
    broker = spec.text("broker")
    delivery = spec.child("delivery", required=False)
    return Trigger(
        name=metadata.text("name"),
        filter=_filter(spec),
        subscriber=_destination(spec.child("subscriber"), addresses),
        policy=_policy(delivery),
        dead_letter_sink=(
            _destination(delivery.child("deadLetterSink"), addresses)
            if delivery.has("deadLetterSink")
            else None
        ),
        parallelism=_parallelism(metadata),
        namespace=metadata.text("namespace", default="default"),
        broker=broker,
    )


def _filter(spec: Node) -> dict[str, str]:
    holder = spec.child("filter", required=False)
    holder.only("attributes")
    attributes = holder.texts("attributes")
    for name, value in attributes.items():
        if not value:
            raise holder.wrong(f"attributes.{name}", "must not be empty")
    return attributes


def _policy(delivery: Node) -> DeliveryPolicy:
    delivery.only("retry", "backoffPolicy", "backoffDelay", "timeout", "deadLetterSink")
    backoff = delivery.text("backoffPolicy", default="exponential")
    if backoff not in {"linear", "exponential"}:
        raise delivery.wrong("backoffPolicy", f"{backoff!r} is neither linear nor exponential")
    return DeliveryPolicy(
        retry=delivery.count("retry", default=0),
        backoff=Backoff(backoff),
        delay=delivery.duration("backoffDelay", default="PT1S"),
        timeout=delivery.duration("timeout", default="PT60S"),
    )


def _parallelism(metadata: Node) -> int | None:
    text = metadata.texts("annotations").get(PARALLELISM)
    if text is None:
        return None
    if not text.isdigit() or not 1 <= int(text) <= 1000:
        raise metadata.wrong(f"annotations[{PARALLELISM}]", f"{text!r} is not within 1-1000")
    return int(text)


def _destination(node: Node, addresses: Mapping[str, str]) -> str:
    node.only("ref", "uri")
    uri = node.text("uri", default="")
    if not node.has("ref"):
        if not urlsplit(uri).scheme.startswith("http"):
            raise node.wrong("uri", f"{uri!r} must be an absolute http URL if there is no ref")
        return uri
    name = node.child("ref").text("name")
    if name not in addresses:
        known = ", ".join(sorted(addresses)) or "none"
        raise node.wrong("ref.name", f"{name!r} has no address on this machine (known: {known})")
    return urljoin(addresses[name].rstrip("/") + "/", uri.lstrip("/"))


def _ping_source(node: Node, addresses: Mapping[str, str]) -> PingSource:
    node.expect("apiVersion", "sources.knative.dev/v1")
    metadata, spec = node.child("metadata"), node.child("spec")
    spec.only("schedule", "timezone", "contentType", "data", "dataBase64", "sink", "ceOverrides")
    try:
        # The pods of a cluster run in UTC.
        schedule = parse_cron(spec.text("schedule", default="* * * * *"), _zone(spec))
    except ValueError as error:
        raise spec.wrong("schedule", str(error)) from error
    overrides = spec.child("ceOverrides", required=False)
    overrides.only("extensions")
    return PingSource(
        name=metadata.text("name"),
        namespace=metadata.text("namespace", default="default"),
        schedule=schedule,
        sink=_destination(spec.child("sink"), addresses),
        content_type=spec.text("contentType", default="") or None,
        data=_ping_data(spec),
        extensions=overrides.texts("extensions"),
    )


def _zone(spec: Node) -> tzinfo:
    name = spec.text("timezone", default="")
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise spec.wrong("timezone", f"{name!r} is not a time zone") from error


def _ping_data(spec: Node) -> bytes:
    if not spec.has("dataBase64"):
        return spec.text("data", default="").encode()
    if spec.has("data"):
        raise spec.wrong("dataBase64", "cannot be combined with data")
    try:
        return base64.b64decode(spec.text("dataBase64"), validate=True)
    except binascii.Error as error:
        raise spec.wrong("dataBase64", f"is not base64: {error}") from error
