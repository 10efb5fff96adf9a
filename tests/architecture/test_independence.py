"""Tests do what they do beside a running shop too, and leave it alone."""

import json
import os
import subprocess
import sys

import pytest

from tests.support.independence import NOBODY, ROOT, objection, peers, variables

SHOW = "import json, os, tests.conftest; print(json.dumps(dict(os.environ)))"


def test_no_variable_of_a_shop_is_inherited() -> None:
    """Whatever was exported where the tests are started; the addresses of others lead nowhere."""
    hostile = dict.fromkeys(variables(), "http://127.0.0.1:5001")
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", SHOW],
        cwd=ROOT,
        env={**os.environ, **hostile},
        capture_output=True,
        text=True,
        check=True,
    )
    left = {name: text for name, text in json.loads(done.stdout).items() if name in variables()}

    assert left == dict.fromkeys(peers(), NOBODY)


def test_the_addresses_of_others_are_all_known() -> None:
    """They are found by their defaults, so a new one is among them."""
    known = {"AUTH_URL", "CATALOG_INTERNAL_URL", "PURCHASE_INTERNAL_URL", "PURCHASE_URL"}

    assert known <= peers() <= variables()


SERVE = ["python", "-m", "functions.kit.start.serve", "functions.catalog.app:create_app"]
REBUILD = ["python", "-m", "functions.catalog.rebuild"]


@pytest.mark.parametrize(
    ("words", "environment", "reason"),
    [
        (REBUILD, {}, "would ask a shop"),
        (REBUILD, {"PURCHASE_INTERNAL_URL": NOBODY}, "give it AUTH_INTERNAL_URL, AUTH_URL"),
        (SERVE, dict.fromkeys(peers(), NOBODY), "would use the files of a shop"),
    ],
)
def test_a_process_that_would_meet_a_shop_is_not_started(
    words: list[str], environment: dict[str, str], reason: str
) -> None:
    """It is given an environment of its own, and that leaves something out."""
    assert reason in str(objection(words, str(ROOT), environment))
    with pytest.raises(AssertionError, match=reason):
        subprocess.run(words, cwd=ROOT, env=environment, check=False)  # noqa: S603


def test_any_other_process_is() -> None:
    """Also the storefront, which has no database and so no files."""
    environment = dict.fromkeys(peers(), NOBODY)
    pages = [word.replace("catalog", "storefront") for word in SERVE]

    assert objection(pages, str(ROOT), environment) is None

    assert objection(["git", "status"], None, {}) is None
    assert objection(["python", "-m", "functions.local.tour"], None, {}) is None
    assert objection(SERVE, str(ROOT), {**environment, "DATABASE_URL": "sqlite:////x"}) is None
    assert objection(SERVE, "/tmp", environment) is None  # noqa: S108 - nothing is started
