"""The rules that say what is wrong with a service."""

import math
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from functions.storefront.domain import operations
from functions.storefront.domain.operations import (
    RULES,
    AuditFacts,
    Facts,
    Rule,
    Severity,
    StreamFacts,
    findings,
    worst_first,
)

ROOT = Path(__file__).parents[3]
RUNBOOKS = ROOT / "docs" / "runbooks"
ALERTS = ROOT / "knative" / "components" / "alerts" / "alerts.yaml"

NOW = datetime(2026, 3, 14, 9, 26, tzinfo=UTC)
GOOD = Facts(
    "purchase",
    NOW,
    started_at=NOW - timedelta(hours=1),
    has_broker=True,
    outbox_seconds=operations.OUTBOX_AGE.total_seconds(),
    streams=[StreamFacts("books", 3, NOW - timedelta(minutes=9), None)],
    failing_tasks=[("expire", operations.TASK_FAILURES - 1)],
    audited=True,
    audit=AuditFacts(NOW - operations.AUDIT_AGE, "clean", 0),
    backup_at=NOW - operations.BACKUP_AGE,
)
OLD = NOW - operations.CONTACT_AGE - timedelta(seconds=1)

WRONG: dict[Rule, Facts] = {
    Rule.MIGRATIONS_PENDING: GOOD._replace(pending_migrations=1),
    Rule.AUDIT_BREACHED: GOOD._replace(audit=AuditFacts(NOW, "breached", 2)),
    Rule.OUTBOX_OLD: GOOD._replace(outbox_seconds=operations.OUTBOX_AGE.total_seconds() + 1),
    Rule.STREAM_FAILING: GOOD._replace(streams=[StreamFacts("books", 0, OLD, NOW)]),
    Rule.STREAM_BEHIND: GOOD._replace(
        streams=[StreamFacts("books", operations.STREAM_LAG + 1, NOW, None)]
    ),
    Rule.DEAD_LETTERS: GOOD._replace(dead_letters=1),
    Rule.POOL_EXHAUSTED: GOOD._replace(pool_timeouts=1),
    Rule.TASK_FAILING: GOOD._replace(failing_tasks=[("expire", operations.TASK_FAILURES)]),
    Rule.AUDIT_FAILED: GOOD._replace(audit=AuditFacts(NOW, "failed", 0)),
    Rule.AUDIT_OLD: GOOD._replace(
        audit=AuditFacts(NOW - operations.AUDIT_AGE - timedelta(seconds=1), "clean", 0)
    ),
    Rule.BACKUP_OLD: GOOD._replace(backup_at=NOW - operations.BACKUP_AGE - timedelta(seconds=1)),
    Rule.AUDIT_MISSING: GOOD._replace(audit=None),
}


def test_nothing_is_wrong_up_to_the_limits() -> None:
    """At a limit a service is still in order."""
    assert findings(GOOD) == []


@pytest.mark.parametrize("rule", WRONG)
def test_beyond_a_limit_one_rule_is_broken(rule: Rule) -> None:
    """And no other."""
    assert [found.rule for found in findings(WRONG[rule])] == [rule]


def test_every_rule_has_a_case() -> None:
    """Those of a service that does not answer are found by the page itself."""
    assert {*WRONG, Rule.AWAY, Rule.UNAVAILABLE} == set(Rule) == set(RULES)


def test_the_worst_comes_first() -> None:
    """By severity, then in the order of the rules."""
    found = [each for facts in reversed(WRONG.values()) for each in findings(facts)]
    severities = [each.severity for each in worst_first(found)]

    assert severities == sorted(severities)
    assert severities[0] is Severity.CRITICAL


def test_events_wait_for_no_broker_without_one() -> None:
    """Consumers read the feed then, so an old outbox is no fault."""
    facts = WRONG[Rule.OUTBOX_OLD]._replace(has_broker=False)

    assert findings(facts) == []


def test_a_service_that_has_just_started_is_given_time_to_read() -> None:
    """It may have been at zero, where nothing is read."""
    behind = GOOD._replace(streams=[StreamFacts("books", 3, OLD, None)])

    assert [each.rule for each in findings(behind)] == [Rule.STREAM_BEHIND]
    assert findings(behind._replace(started_at=NOW)) == []


def test_a_shop_without_backups_is_not_warned_of_them() -> None:
    """Those of a database outside of the cluster are not known here."""
    assert findings(GOOD._replace(backup_at=None)) == []


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_leads_to_a_runbook(rule: Rule) -> None:
    """Which is there, and is listed."""
    name = RULES[rule][1]

    assert (RUNBOOKS / f"{name}.md").is_file()
    assert f"({name}.md)" in (RUNBOOKS / "README.md").read_text("utf-8")


def test_rules_and_alerts_have_the_same_limits_and_runbooks() -> None:
    """The page at three in the morning agrees with the alert that has woken somebody."""
    groups = yaml.safe_load(ALERTS.read_text("utf-8"))["spec"]["groups"]
    alerts = {each["alert"]: each for group in groups for each in group["rules"]}
    for name, rule, limit in (
        ("EventsWaitForTheBroker", Rule.OUTBOX_OLD, operations.OUTBOX_AGE.total_seconds()),
        ("DeadLetters", Rule.DEAD_LETTERS, 0),
        ("StreamLags", Rule.STREAM_BEHIND, operations.STREAM_LAG),
        ("DatabasePoolExhausted", Rule.POOL_EXHAUSTED, 0),
        ("AuditFailed", Rule.AUDIT_BREACHED, 0),
        ("AuditIsOld", Rule.AUDIT_OLD, operations.AUDIT_AGE.total_seconds()),
        ("BackupIsOld", Rule.BACKUP_OLD, operations.BACKUP_AGE.total_seconds()),
    ):
        alert = alerts[name]
        severity = RULES[rule][0].name.lower()
        # Of the first part of an expression, such as `2 * 86400`.
        numbers = re.findall(r"> ([\d* ]+)", alert["expr"])[0].split("*")

        assert math.prod(map(float, numbers)) == limit
        assert alert["annotations"]["runbook"] == f"docs/runbooks/{RULES[rule][1]}.md"
        assert alert["labels"]["severity"] == severity
