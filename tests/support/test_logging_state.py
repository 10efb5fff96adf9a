"""A test finds the process's logging as it was before the test that ran before it."""

import logging
from collections.abc import Callable

import pytest

from functions.kit.base import logs
from functions.kit.base.settings import LogFormat
from tests.support.logging_state import logging_kept

QUIET = "functions.tests.quiet"


def _mute() -> None:
    logging.getLogger(QUIET).setLevel(logging.CRITICAL)


def _detach() -> None:
    logging.getLogger(QUIET).propagate = False


def _switch_off() -> None:
    logging.getLogger(QUIET).disabled = True


def _disable_all() -> None:
    logging.disable(logging.CRITICAL)


def _start_an_app() -> None:
    logs.configure("catalog", "ERROR", LogFormat.JSON)


CHANGES = [_mute, _detach, _switch_off, _disable_all, _start_an_app]


@pytest.mark.parametrize("change", CHANGES)
def test_a_warning_is_seen_after_a_change(
    change: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    """Not before: each of the changes loses it."""
    logger = logging.getLogger(QUIET)
    with logging_kept():
        change()
        logger.warning("lost")
    logger.warning("seen")

    assert caplog.messages == ["seen"]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("turn", [1, 2])
def test_every_test_is_kept_apart(
    turn: int, change: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    """By the conftest: each of these is quiet at its end, and each hears its own warning."""
    logging.getLogger(QUIET).warning("turn %d", turn)
    assert caplog.messages == [f"turn {turn}"]
    change()
