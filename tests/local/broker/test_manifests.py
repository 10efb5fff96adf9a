"""Triggers and PingSources are read strictly, and errors name the file and the field."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from functions.local.broker.errors import ManifestError
from functions.local.broker.manifests import PARALLELISM, load_manifests
from functions.local.broker.policy import Backoff, DeliveryPolicy

ADDRESSES = {"catalog-internal": "http://127.0.0.1:5001"}
REF = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "catalog-internal"}


def trigger(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "eventing.knative.dev/v1",
        "kind": "Trigger",
        "metadata": {"name": "catalog-inventory", "namespace": "bookstore"},
        "spec": {
            "broker": "bookstore",
            "filter": {"attributes": {"source": "/bookstore/purchase/inventory"}},
            "subscriber": {"ref": REF, "uri": "/events"},
            **spec,
        },
    }


def ping(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "sources.knative.dev/v1",
        "kind": "PingSource",
        "metadata": {"name": "ping-catalog", "namespace": "bookstore"},
        "spec": {"schedule": "*/10 * * * *", "sink": {"ref": REF, "uri": "/events"}, **spec},
    }


def write(folder: Path, *documents: Any, name: str = "some.yaml") -> Path:
    file = folder / name
    file.write_text(yaml.safe_dump_all(documents), encoding="utf-8")
    return file


def test_every_field_of_a_trigger_is_read(tmp_path: Path) -> None:
    """A `ref` becomes the Service's address on this machine, durations become seconds, and the
    parallelism comes from an annotation."""
    delivery = {
        "retry": 3,
        "backoffPolicy": "linear",
        "backoffDelay": "PT0.2S",
        "timeout": "PT5S",
        "deadLetterSink": {"ref": REF, "uri": "/events/dead-letter"},
    }
    document = trigger(delivery=delivery)
    document["metadata"]["annotations"] = {PARALLELISM: "7"}
    write(tmp_path, document)

    (read,) = load_manifests(tmp_path, ADDRESSES).triggers

    assert read.name == "catalog-inventory"
    assert read.filter == {"source": "/bookstore/purchase/inventory"}
    assert read.subscriber == "http://127.0.0.1:5001/events"
    assert read.dead_letter_sink == "http://127.0.0.1:5001/events/dead-letter"
    assert read.policy == DeliveryPolicy(3, Backoff.LINEAR, 0.2, 5.0)
    assert read.parallelism == 7


def test_a_trigger_without_delivery_has_one_attempt(tmp_path: Path) -> None:
    """`retry` is 0 and there is no dead-letter sink, so a failed event is lost."""
    write(tmp_path, trigger())

    (read,) = load_manifests(tmp_path, ADDRESSES).triggers

    assert read.policy.retry == 0
    assert read.dead_letter_sink is None


def test_an_absolute_uri_needs_no_ref(tmp_path: Path) -> None:
    """An http URL is used as it is, without an address of a Service."""
    write(tmp_path, trigger(subscriber={"uri": "http://example.org/in"}))

    (read,) = load_manifests(tmp_path, {}).triggers

    assert read.subscriber == "http://example.org/in"


def test_every_field_of_a_ping_source_is_read(tmp_path: Path) -> None:
    """The schedule has the time zone of `timezone`, and `ceOverrides` gives the extensions."""
    write(
        tmp_path,
        ping(
            contentType="application/json",
            data='{"a": 1}',
            timezone="America/Bogota",
            ceOverrides={"extensions": {"partitionkey": "x"}},
        ),
    )

    (read,) = load_manifests(tmp_path, ADDRESSES).ping_sources

    assert (read.name, read.namespace) == ("ping-catalog", "bookstore")
    assert read.sink == "http://127.0.0.1:5001/events"
    assert (read.content_type, read.data) == ("application/json", b'{"a": 1}')
    assert read.extensions == {"partitionkey": "x"}
    assert str(read.schedule.zone) == "America/Bogota"


def test_other_kinds_and_other_files_are_ignored(tmp_path: Path) -> None:
    """A Broker, an empty document and a file that is not `*.yaml` do not prevent the Trigger from
    being read."""
    write(tmp_path, {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker"}, None, trigger())
    (tmp_path / "contract.schema.json").write_text("{")

    assert len(load_manifests(tmp_path, ADDRESSES).triggers) == 1


@pytest.mark.parametrize(
    ("document", "error"),
    [
        (trigger(filters=[{"exact": {"source": "/a"}}]), "spec.filters: the RabbitMQ broker"),
        (trigger(filter={"attributes": {"source": ""}}), "spec.filter.attributes.source: must not"),
        (trigger(filter={"attributes": {"size": 3}}), "spec.filter.attributes.size: must be text"),
        (trigger(filter=[]), "spec.filter: must be a mapping"),
        (trigger(broker=None), "spec.broker: is missing"),
        (trigger(subscriber=None), "spec.subscriber: is missing"),
        (
            trigger(subscriber={"uri": "/events"}),
            "spec.subscriber.uri: '/events' must be an absolute",
        ),
        (
            trigger(subscriber={"ref": {**REF, "name": "cataloge"}}),
            r"spec.subscriber.ref.name: 'cataloge' has no address .*known: catalog-internal",
        ),
        (trigger(delivery={"retries": 8}), "spec.delivery.retries: is unknown"),
        (trigger(delivery={"retry": "8"}), "spec.delivery.retry: must be a whole number"),
        (trigger(delivery={"retry": True}), "spec.delivery.retry: must be a whole number"),
        (trigger(delivery={"retry": -1}), "spec.delivery.retry: must be a whole number"),
        (trigger(delivery={"backoffPolicy": "lineal"}), "spec.delivery.backoffPolicy: 'lineal'"),
        (
            trigger(delivery={"backoffDelay": "1s"}),
            "spec.delivery.backoffDelay: '1s' is not an ISO",
        ),
        (trigger() | {"apiVersion": "eventing.knative.dev/v1beta1"}, "apiVersion: must be"),
        (trigger() | {"metadata": {}}, "metadata.name: is missing"),
        (trigger() | {"spec": "x"}, "spec: must be a mapping"),
        (ping(schedule="hourly"), "spec.schedule: 'hourly' has 1 fields"),
        (ping(timezone="Mars/Olympus"), "spec.timezone: 'Mars/Olympus' is not a time zone"),
        (ping(dataBase64="%%%"), "spec.dataBase64: is not base64"),
        (ping(dataBase64="e30=", data="{}"), "spec.dataBase64: cannot be combined with data"),
        (ping(sink={"ref": {"kind": "Service"}}), "spec.sink.ref.name: is missing"),
        ("just text", "must be a mapping"),
    ],
)
def test_an_invalid_field_is_named_with_its_file(tmp_path: Path, document: Any, error: str) -> None:
    """ManifestError has the field's path and the reason, also for unknown fields and for `filters`,
    which Knative's RabbitMQ broker ignores."""
    file = write(tmp_path, document)

    with pytest.raises(ManifestError, match=error) as refusal:
        load_manifests(tmp_path, ADDRESSES)

    assert str(file) in str(refusal.value)


def test_two_triggers_of_the_same_name_are_refused(tmp_path: Path) -> None:
    """The name is unique across files, and the error names the second file."""
    write(tmp_path, trigger(), name="a.yaml")
    write(tmp_path, trigger(), name="b.yaml")

    with pytest.raises(ManifestError, match=r"b\.yaml: metadata\.name: .* exists already"):
        load_manifests(tmp_path, ADDRESSES)


@pytest.mark.parametrize("content", [b"a: [", b"a: \xff", b"\x00"])
def test_a_file_that_is_not_yaml_is_named(tmp_path: Path, content: bytes) -> None:
    """A syntax error, invalid UTF-8 and a NUL byte raise ManifestError with the file's name."""
    (tmp_path / "broken.yaml").write_bytes(content)

    with pytest.raises(ManifestError, match=r"broken\.yaml"):
        load_manifests(tmp_path, ADDRESSES)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """ManifestError says that the folder does not exist; it is not read as one without Triggers."""
    with pytest.raises(ManifestError, match="does not exist"):
        load_manifests(tmp_path / "nowhere", ADDRESSES)
