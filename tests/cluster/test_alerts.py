"""Each alert fires when it should, and only then, by Prometheus' own rule tests."""

import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.manifests import ROOT
from tests.servers.programs import find, missing

RULES = ROOT / "knative" / "components" / "monitoring" / "alerts.yaml"
CASES = Path(__file__).parent / "alerts" / "bookstore.yaml"


def groups() -> list[dict[str, Any]]:
    """The groups of rules of every PrometheusRule."""
    documents = yaml.safe_load_all(RULES.read_text("utf-8"))
    return [group for each in documents for group in each["spec"]["groups"]]


def promtool(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """promtool's result, in a folder with the rules as Prometheus reads them."""
    program = find("promtool")
    if program is None:
        missing("promtool, of Debian's package prometheus, is not installed")
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": groups()}), "utf-8")
    return subprocess.run(  # noqa: S603 - the promtool that is installed
        [program, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_rules_are_valid(tmp_path: Path) -> None:
    """Prometheus reads every expression and every template."""
    done = promtool(tmp_path, "check", "rules", "--lint=all", "--lint-fatal", "rules.yaml")

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_fires_when_it_should(tmp_path: Path) -> None:
    """And is silent a minute or an hour before, and in the cases beside."""
    (tmp_path / CASES.name).write_bytes(CASES.read_bytes())

    done = promtool(tmp_path, "test", "rules", CASES.name)

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_expectation_is_noticed(tmp_path: Path) -> None:
    """The cases are really carried out."""
    cases = CASES.read_text("utf-8").replace("eval_time: 21m", "eval_time: 19m")
    (tmp_path / CASES.name).write_text(cases, "utf-8")

    done = promtool(tmp_path, "test", "rules", CASES.name)

    assert done.returncode != 0


def test_every_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    """A new alert without cases fails here."""
    cases = [
        case
        for each in yaml.safe_load(CASES.read_text("utf-8"))["tests"]
        for case in each["alert_rule_test"]
    ]
    alerts = {rule["alert"] for group in groups() for rule in group["rules"] if "alert" in rule}

    assert {case["alertname"] for case in cases if case["exp_alerts"]} == alerts
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == alerts
