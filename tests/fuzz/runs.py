"""Schemathesis on one OpenAPI document: every phase, every check, and what was found, in words."""

from dataclasses import dataclass, field
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from tests.fuzz import strategies
from tests.fuzz.services import FuzzedService

CHECKS = {
    # Refusals of valid requests, by the state of the shop or by who asks; 400, 413 and 415 are not.
    "positive_data_acceptance": {
        "expected-statuses": [
            *("2xx", "3xx", "401", "402", "403", "404", "409", "410", "412", "422", "429"),
        ]
    },
    "missing_required_header": {"expected-statuses": ["400", "401", "403", "428"]},
}

OPERATIONS = [
    # DELETE retires a provider: old purchases name it, so it can be read, and be brought back.
    *(
        {
            "include-name": f"{method} /providers/{{provider_id}}",
            "checks": {"use_after_free": {"enabled": False}},
        }
        for method in ("GET", "PATCH")
    ),
    # A step between may have restored the book, which the check does not look at.
    *(
        {
            "include-name": f"{method} /books/{{book_id}}",
            "checks": {"use_after_free": {"enabled": False}},
        }
        for method in ("GET", "PUT", "PATCH")
    ),
    # Which token this shop has issued no schema can say.
    {"include-name": "POST /logout", "checks": {"positive_data_acceptance": {"enabled": False}}},
    # Nor which token a mail carried.
    {
        "include-name": "POST /password/reset",
        "checks": {"positive_data_acceptance": {"enabled": False}},
    },
    # Nor which token an unsubscribe link has, nor which mail was put aside.
    {
        "include-name": "POST /unsubscribe",
        "checks": {"positive_data_acceptance": {"enabled": False}},
    },
    # What its country asks for depends on the address that is changed. And a replay under an
    # Idempotency-Key names an address that may have been deleted since.
    {
        "include-name": "PATCH /addresses/{address_id}",
        "checks": {
            "positive_data_acceptance": {"enabled": False},
            "ensure_resource_availability": {"enabled": False},
        },
    },
    *(
        {
            "include-name": f"{method} /addresses/{{address_id}}",
            "checks": {"ensure_resource_availability": {"enabled": False}},
        }
        for method in ("GET", "DELETE")
    ),
]


@dataclass
class Findings:
    """What a run did and found."""

    cases: int = 0
    documented: set[str] = field(default_factory=set)
    operations: set[str] = field(default_factory=set)
    """Those that were checked."""
    phases: dict[str, int] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    """By operation and title; one example of each."""


def run(service: str, fuzzed: FuzzedService, *, seed: int, examples: int, steps: int) -> Findings:
    strategies.register(service)
    config = SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "headers": {"Authorization": FuzzedService.MARK.decode()},
            "continue-on-failure": True,
            "cache": {"enabled": False},
            "checks": CHECKS,
            "operations": OPERATIONS,
            "generation": {
                "max-examples": examples,
                "database": "none",
                "no-shrink": True,
                "allow-extra-parameters": False,
            },
            "phases": {"stateful": {"max-steps": steps}},
        }
    )
    schema = schemathesis.openapi.from_asgi("/openapi.json", fuzzed, config=config)
    found = Findings(documented=_labels(schema))
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            _note(found, event)
        elif isinstance(event, events.NonFatalError):
            found.failures[f"{event.label}: error"] = str(event.info)
        elif isinstance(event, events.FatalError):
            raise event.exception
    return found


def _labels(schema: Any) -> set[str]:
    return {each.ok().label for each in schema.get_all_operations()}


def _note(found: Findings, event: events.ScenarioFinished) -> None:
    recorder = event.recorder
    found.cases += len(recorder.interactions)
    phase = event.phase.name.lower()
    found.phases[phase] = found.phases.get(phase, 0) + len(recorder.interactions)
    for case_id, interaction in recorder.interactions.items():
        _look_up(found, recorder.cases[case_id].value, interaction.response)
    for case_id, checks in recorder.checks.items():
        case = recorder.cases[case_id].value
        found.operations.add(case.operation.label)
        for check in checks:
            if check.failure_info is None:
                continue
            failure = check.failure_info.failure
            key = f"{case.operation.label}: {check.name}: {failure.title}"
            recorded = recorder.interactions.get(case_id)
            answer = ""
            if recorded is not None and recorded.response is not None:
                response = recorded.response
                answer = f"\n{response.status_code} {response.content[:300]!r}"
            found.failures.setdefault(
                key, f"[{phase}] {failure.message}\n{check.failure_info.code_sample}{answer}"
            )


def _look_up(found: Findings, case: Any, response: Any) -> None:
    """Every status is written down by itself; `default` is no excuse."""
    operation = case.operation
    if response is None or case.method.upper() != operation.method.upper():
        return
    if str(response.status_code) not in operation.definition.raw["responses"]:
        key = f"{operation.label}: {response.status_code} is not documented"
        found.failures.setdefault(key, repr(response.content[:300]))
