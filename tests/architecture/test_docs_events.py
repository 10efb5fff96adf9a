"""The table of eventing/README.md names every type with its source, its owner and its consumers.

The diagram of the READMEs has every feed.
"""

import json
import re

import pytest

from tests.architecture import markdown
from tests.architecture.services import EVENTING, NAMES, ROOT, app_of

README = EVENTING / "README.md"
ROW = re.compile(r"^\| `(\S+)` \| `(\S+)` \| `(\S+)` \| (\w+) \| (.*?) ?\|$", re.MULTILINE)


def rows() -> list[tuple[str, str, str, str, str]]:
    """Type, source, subject, owner, consumers."""
    found: list[tuple[str, str, str, str, str]] = ROW.findall(markdown.sections(README)["Types"])
    return found


def test_the_table_has_every_contract_once() -> None:
    """And none that is not there."""
    contracts = [each.name for each in (EVENTING / "contracts").glob("*.schema.json")]

    assert sorted(f"{row[0]}.schema.json" for row in rows()) == sorted(contracts)


def test_an_owner_publishes_the_sources_of_its_rows() -> None:
    """And each source has a row."""
    owned = {
        (source, name) for name in NAMES for source in app_of(name).state.services.feed.sources
    }

    assert {(source, owner) for _, source, _, owner, _ in rows()} == owned


def test_consumers_are_those_that_subscribe() -> None:
    """To the type, whatever Trigger brings it."""
    documented = {
        (event_type, consumer)
        for event_type, _, _, _, consumers in rows()
        for consumer in consumers.split(", ")
        if consumer
    }
    subscribed = {
        (event_type, name)
        for name in NAMES
        for event_type in app_of(name).state.services.subscriptions.types
    }

    assert documented == subscribed


def test_the_contract_of_a_type_names_its_subject() -> None:
    """As the table does, with an id in place of the number."""
    for event_type, _, subject, _, _ in rows():
        schema = json.loads((EVENTING / "contracts" / f"{event_type}.schema.json").read_text())

        assert f"{subject.partition('/')[0]}/" in schema["description"], event_type


@pytest.mark.parametrize("readme", ["README.md", "README.es.md"])
def test_the_diagram_shows_who_reads_whose_feed(readme: str) -> None:
    """Each stream that a service consumes, from its owner, and no other."""
    arrows = re.findall(r"^ +(\w+) -\. feed \.-> (.+)$", (ROOT / readme).read_text(), re.MULTILINE)
    drawn = {(owner, reader) for owner, readers in arrows for reader in readers.split(" & ")}
    consumed = {
        (stream.owner, name)
        for name in NAMES
        for stream in app_of(name).state.services.subscriptions.streams
    }

    assert drawn == consumed


def test_a_leaked_key_is_dropped_by_all_that_know_it() -> None:
    """The runbook wakes each service that consumes auth's keys."""
    runbook = (ROOT / "docs" / "runbooks" / "rotate-signing-keys.md").read_text("utf-8")
    (woken,) = re.findall(r"for service in ([a-z ]+); do", runbook)
    consumers = {
        name
        for name in NAMES
        if "bookstore.key.rotated.v1" in app_of(name).state.services.subscriptions.types
    }

    assert set(woken.split()) == consumers
