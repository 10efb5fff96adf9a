"""Visits: they begin whether or not the shop answers, and their number is bounded."""

import asyncio
import random

import pytest

from functions.local.traffic import play as playing
from functions.local.traffic.figures import Figures
from functions.local.traffic.play import Kind, play
from functions.local.traffic.sending import Unanswered


async def run(kinds: list[Kind], figures: Figures, **options: float) -> None:
    await play(
        kinds,
        rate=options.get("rate", 1000),
        seconds=options.get("seconds", 0.2),
        choose=random.Random(1),
        figures=figures,
        stopping=asyncio.Event(),
    )


async def test_visits_begin_although_the_first_ones_have_not_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A shop that hangs is not spared; beyond the bound, visits are turned away and counted."""
    monkeypatch.setattr(playing, "MOST_VISITS", 5)
    figures, begun, go_on = Figures(), 0, asyncio.Event()

    async def waits() -> None:
        nonlocal begun
        begun += 1
        await go_on.wait()

    running = asyncio.create_task(run([Kind("reader", 1, waits)], figures))
    while not figures.turned_away:  # noqa: ASYNC110 - nothing announces it
        await asyncio.sleep(0)
    go_on.set()
    await running

    assert begun >= 5
    assert figures.turned_away >= 1


async def test_a_visit_without_an_answer_ends_and_an_unexpected_answer_is_a_finding() -> None:
    """The first is counted with its request already."""
    figures = Figures()

    async def away() -> None:
        raise Unanswered

    async def surprising() -> None:
        raise KeyError("purchase_id")

    await run([Kind("reader", 1, away)], figures)
    nothing = dict(figures.failures)
    await run([Kind("buyer", 1, surprising)], figures)

    assert nothing == {}
    assert list(figures.failures) == ["visit of a buyer: KeyError('purchase_id')"]
