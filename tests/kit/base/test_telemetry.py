"""Traces are continued as W3C Trace Context says, and counters do not grow without end."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.kit.base.telemetry import (
    LONG_MEMBER,
    MAX_MEMBERS,
    MAX_TRACESTATE,
    TraceState,
    continue_trace,
    current_tracestate,
    member,
    trace_id,
    tracestate,
    tracestate_of,
    with_member,
)

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GIVEN = f"00-{TRACE}-{SPAN}-01"


def test_a_trace_is_continued_by_a_new_span() -> None:
    """The trace stays, the span is our own, and so the caller's is its parent."""
    continued = continue_trace(GIVEN)

    assert trace_id(continued) == TRACE
    assert SPAN not in continued


@pytest.mark.parametrize(
    ("flags", "continued"), [("00", "00"), ("01", "01"), ("ff", "01"), ("fe", "00")]
)
def test_only_the_flag_that_is_known_is_passed_on(flags: str, continued: str) -> None:
    """Sampled stays sampled; unused bits must be zero."""
    assert continue_trace(f"00-{TRACE}-{SPAN}-{flags}")[-2:] == continued


def test_a_later_version_is_continued_as_version_00() -> None:
    """It may say more after its flags."""
    assert continue_trace(f"cc-{TRACE}-{SPAN}-01-what-comes").startswith(f"00-{TRACE}-")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01x",
        f"cc-{TRACE}-{SPAN}-01more",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}",
        f" {GIVEN}",
        f"{GIVEN}\n",
    ],
)
def test_what_is_no_traceparent_begins_a_new_trace(header: str | None) -> None:
    """A sampled one, of a random id."""
    begun = continue_trace(header)

    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", begun)
    assert trace_id(begun) != TRACE


@given(st.text(max_size=80))
def test_whatever_is_given_a_valid_header_comes_out(header: str) -> None:
    """No caller can put text of their own into a header, a row or a log line."""
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", continue_trace(header))


KEYS = st.from_regex(r"[a-z0-9][a-z0-9_\-*/@]{0,40}", fullmatch=True)
VALUES = st.from_regex(r"[!-+\--<>-~]{1,60}", fullmatch=True)
MEMBERS = st.lists(
    st.tuples(KEYS, VALUES).map("=".join),
    max_size=MAX_MEMBERS,
    unique_by=lambda each: each.partition("=")[0],
)


@given(MEMBERS, st.lists(st.sampled_from(["", " ", "\t", " \t "]), min_size=32, max_size=32))
def test_a_valid_tracestate_is_passed_on(members: list[str], blanks: list[str]) -> None:
    """Its members in their order, as far as they fit. Blanks around them are gone."""
    spaced = [f"{blank}{each}{blank}" for each, blank in zip(members, blanks, strict=False)]
    passed = tracestate(",".join([*spaced, "", " "]))
    kept = passed.split(",") if passed else []

    assert len(passed or "") <= MAX_TRACESTATE
    assert kept == [each for each in members if each in kept]
    assert kept == members or len(",".join(members)) > MAX_TRACESTATE


@given(
    st.lists(st.integers(1, 200), min_size=12, max_size=MAX_MEMBERS).map(
        lambda sizes: [f"k{number}={'v' * (20 + size)}" for number, size in enumerate(sizes)]
    )
)
def test_of_a_long_tracestate_the_last_and_the_longest_are_dropped(members: list[str]) -> None:
    """What is left are the first of the short members, and no more would fit."""
    text = ",".join(members)
    kept = [*filter(None, (tracestate(text) or "").split(","))]
    if len(text) <= MAX_TRACESTATE:
        assert kept == members
        return
    short = [each for each in members if len(each) <= LONG_MEMBER]

    assert kept == short[: len(kept)]
    assert len(kept) == len(short) or len(",".join(short[: len(kept) + 1])) > MAX_TRACESTATE


@pytest.mark.parametrize(
    "header",
    [
        "",
        ",",
        "a",
        "=1",
        "a=",
        "A=1",
        "a =1",
        "a=1=2",
        "a=\u00f1",
        "a=1\x00",
        "-a=1",
        "a=1;b=2,b",
        f"{'a' * 257}=1",
        f"a={'1' * 257}",
        "a=1,a=2",
        "a=1,b=2,A=3",
        ",".join(f"k{number}=1" for number in range(MAX_MEMBERS + 1)),
    ],
)
def test_an_invalid_tracestate_is_dropped_whole(header: str) -> None:
    """A member of it could mean something else than its vendor wrote."""
    assert tracestate(header) is None
    assert with_member(header, "bookstore", "1") == "bookstore=1"


@given(st.text(max_size=600))
def test_whatever_is_given_a_tracestate_is_valid_or_none(header: str) -> None:
    """No caller can put a line break or other text of their own into a header or a row."""
    passed = tracestate(header)

    assert passed is None or re.fullmatch(r"[a-z0-9][ -~]*", passed)
    assert tracestate(passed) == passed


@given(MEMBERS, VALUES)
def test_our_member_is_the_first(members: list[str], value: str) -> None:
    """It replaces an older one of ours, and the whole stays within the limits."""
    added = with_member(",".join(members), "bookstore", value)
    parts = added.split(",")

    assert parts[0] == f"bookstore={value}"
    assert member(added, "bookstore") == value
    assert len(parts) <= MAX_MEMBERS
    assert len(added) <= MAX_TRACESTATE
    assert parts[1:] == [each for each in members if each in parts[1:]]
    assert [each for each in parts[1:] if each.startswith("bookstore=")] == []


def test_a_tracestate_belongs_to_its_trace() -> None:
    """A task that records another trace, such as a read of a feed, does not pass it on."""
    token = current_tracestate.set(TraceState(TRACE, "a=1"))
    try:
        assert tracestate_of(GIVEN) == "a=1"
        assert tracestate_of(continue_trace(GIVEN)) == "a=1"
        assert tracestate_of(continue_trace(None)) is None
        assert tracestate_of(None) is None
    finally:
        current_tracestate.reset(token)
