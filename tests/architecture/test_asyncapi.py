"""`eventing/asyncapi.yaml` says what the code, the contracts and the Triggers say."""

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.architecture.asyncapi import DOCUMENT, documented_extensions, text
from tests.architecture.services import EVENTING
from tests.architecture.test_eventing import owned, published, subscribed
from tests.servers.npm import npm_package

PARSER = "@asyncapi/parser@3.6.6"

VALIDATE = """
const { Parser, fromFile } = require("@asyncapi/parser");
fromFile(new Parser(), process.argv[1]).parse().then(({ document, diagnostics }) => {
  for (const found of diagnostics) {
    if (found.severity < 2) console.log(found.path.join("."), found.message);
  }
  if (!document) console.log("not a document");
});
"""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """As it is in the repository."""
    loaded: dict[str, Any] = yaml.safe_load(DOCUMENT.read_text("utf-8"))
    return loaded


def test_the_document_is_current() -> None:
    """`python -m tests.architecture.asyncapi` writes it again."""
    assert DOCUMENT.read_text("utf-8") == text()


def test_every_published_type_is_a_message(document: dict[str, Any]) -> None:
    """And every message is published on exactly one channel."""
    on_channels = [
        each for channel in document["channels"].values() for each in channel["messages"]
    ]

    assert sorted(on_channels) == sorted(published())
    assert set(document["components"]["messages"]) == published()


def test_a_channel_is_a_source(document: dict[str, Any]) -> None:
    """Each source has one channel, and its owner is the one that publishes on it."""
    senders = {
        document["channels"][_last(operation["channel"])]["address"]: name.partition("-")[0]
        for name, operation in document["operations"].items()
        if operation["action"] == "send"
    }

    assert senders == owned()


def test_every_subscription_is_an_operation(document: dict[str, Any]) -> None:
    """A service receives from the sources that its Triggers deliver."""
    receivers = {
        (name.partition("-")[0], document["channels"][_last(operation["channel"])]["address"])
        for name, operation in document["operations"].items()
        if operation["action"] == "receive"
    }

    assert receivers == subscribed()


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    """Within the document or to a contract's file."""
    references = list(_references(document))

    assert references
    for reference in references:
        file, _, pointer = reference.partition("#")
        if file:
            assert (EVENTING / file).is_file(), reference
        else:
            found: Any = document
            for part in pointer.strip("/").split("/"):
                assert part in found, reference
                found = found[part]


def test_the_extension_attributes_are_those_of_an_event(document: dict[str, Any]) -> None:
    """The README's table and the headers name the same ones."""
    headers = document["components"]["messageTraits"]["cloudevent"]["headers"]["properties"]

    assert {f"ce-{name}" for name in documented_extensions()} <= set(headers)


def test_the_document_is_valid_asyncapi(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """By the parser of the AsyncAPI project, which also resolves the contracts."""
    folder = npm_package(PARSER, pytestconfig, tmp_path_factory, purpose="run AsyncAPI's parser")

    done = subprocess.run(  # noqa: S603 - the node that is installed
        ["node", "-e", VALIDATE, str(DOCUMENT)],  # noqa: S607
        capture_output=True,
        text=True,
        cwd=folder,
        check=True,
    )

    assert done.stdout == ""


def _last(reference: dict[str, str]) -> str:
    return reference["$ref"].rpartition("/")[2]


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            if name == "$ref":
                yield each
            else:
                yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)
