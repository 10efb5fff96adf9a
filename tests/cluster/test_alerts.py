"""Each alert fires when it should, and only then, by Prometheus' own rule tests."""

import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.manifests import ROOT, of_kind, rendered
from tests.servers.programs import find, missing

COMPONENTS = ROOT / "knative" / "components"
RULES = {
    "rules.yaml": COMPONENTS / "alerts" / "alerts.yaml",
    "slos-rules.yaml": COMPONENTS / "observability" / "slos.yaml",
}
"""Manifests by the name under which the cases read them: each case evaluates its own only."""
CASES = tuple(
    Path(__file__).parent / "alerts" / f"{name}.yaml"
    for name in ("bookstore", "days", "silence", "slos")
)


def groups(manifest: Path) -> list[dict[str, Any]]:
    """The groups of rules of every PrometheusRule."""
    documents = yaml.safe_load_all(manifest.read_text("utf-8"))
    return [group for each in documents for group in each["spec"]["groups"]]


def promtool(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """promtool's result, in a folder with the rules as Prometheus reads them."""
    program = find("promtool")
    if program is None:
        missing("promtool, of Debian's package prometheus, is not installed")
    for name, manifest in RULES.items():
        (folder / name).write_text(yaml.safe_dump({"groups": groups(manifest)}), "utf-8")
    return subprocess.run(  # noqa: S603 - the promtool that is installed
        [program, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_rules_are_valid(tmp_path: Path) -> None:
    """Prometheus reads every expression and every template."""
    done = promtool(tmp_path, "check", "rules", "--lint=all", "--lint-fatal", *RULES)

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_fires_when_it_should(tmp_path: Path) -> None:
    """And is silent a minute or an hour before, and in the cases beside."""
    for cases in CASES:
        (tmp_path / cases.name).write_bytes(cases.read_bytes())

    done = promtool(tmp_path, "test", "rules", *(cases.name for cases in CASES))

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_expectation_is_noticed(tmp_path: Path) -> None:
    """The cases are really carried out."""
    first = CASES[0]
    cases = first.read_text("utf-8").replace("eval_time: 21m", "eval_time: 19m")
    (tmp_path / first.name).write_text(cases, "utf-8")

    done = promtool(tmp_path, "test", "rules", first.name)

    assert done.returncode != 0


def test_every_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    """A new alert without cases fails here."""
    cases = [
        case
        for file in CASES
        for each in yaml.safe_load(file.read_text("utf-8"))["tests"]
        for case in each["alert_rule_test"]
    ]
    alerts = {
        rule["alert"]
        for manifest in RULES.values()
        for group in groups(manifest)
        for rule in group["rules"]
        if "alert" in rule
    }

    assert {case["alertname"] for case in cases if case["exp_alerts"]} == alerts
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == alerts


def test_the_limit_of_connections_is_that_of_the_servers() -> None:
    """The alert fires at four fifths of what MySQL takes, and its text names the limit."""
    alert = next(
        rule
        for group in groups(RULES["rules.yaml"])
        for rule in group["rules"]
        if rule.get("alert") == "DatabaseConnectionsNearLimit"
    )
    limits = {
        int(argument.partition("=")[2])
        for each in of_kind(rendered("eks"), "StatefulSet")
        for container in each["spec"]["template"]["spec"]["containers"]
        for argument in container.get("args", ())
        if argument.startswith("--max-connections=")
    }
    (limit,) = limits

    assert alert["expr"].endswith(f"> {limit * 4 // 5}")
    assert f"of {limit} connections" in alert["annotations"]["summary"]
