"""W3C trace context.

A request's `traceparent` is continued, or a new trace is started. Outbox rows store it, so that an
event which is sent minutes later belongs to the trace of the request that caused it. The vendors'
`tracestate` goes with it, as far as it is valid.
"""

import re
import secrets
from collections.abc import Callable, Collection
from contextvars import ContextVar
from functools import lru_cache
from typing import NamedTuple, TypeGuard

_IDS = "-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
# Only versions after 00 may have more fields than the four.
_TRACEPARENT = re.compile(rf"00{_IDS}|(?!00|ff)[0-9a-f]{{2}}{_IDS}(?:-.*)?")

MAX_MEMBERS = 32
"""Of a `tracestate` (section 3.3.1)."""
MAX_TRACESTATE = 512
"""Characters of a `tracestate` that is passed on (section 3.3.1.5)."""
LONG_MEMBER = 128
"""Characters beyond which a member is dropped first, where all together are too long."""

# A key of one vendor or of a tenant (section 3.3.1.3.1, Level 1), or any key of Level 2, which may
# also begin with a digit. A value has printable ASCII, without a comma or `=`, and no blank at its
# end.
_MEMBER = re.compile(
    r"(?P<key>[a-z0-9][a-z0-9_\-*/@]{0,255})="
    r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)

current_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)
"""The current task's trace, as the value of a `traceparent` header."""


class TraceState(NamedTuple):
    """A valid `tracestate`, and the trace that it came with."""

    trace_id: str
    text: str


current_tracestate: ContextVar[TraceState | None] = ContextVar("tracestate", default=None)
"""Of the request that is handled. `tracestate_of` reads it, because a task may meanwhile record
another trace, to which it does not belong."""

Sample = Callable[[str, bool | None], bool]
"""Decides by a trace id, and by the caller's decision if there is one, whether to record."""


def continue_trace(traceparent: str | None, sample: Sample | None = None) -> str:
    """A child span of the given trace, or the first span of a new one.

    Without `sample` a new trace is sampled, and a continued one keeps its flag.
    Source: W3C Trace Context, section 3.2.
    """
    trace, caller = secrets.token_hex(16), None
    if is_traceparent(traceparent):
        # Of the flags only the lowest, sampled, exists.
        trace, caller = traceparent[3:35], bool(int(traceparent[53:55], 16) & 1)
    sampled = sample(trace, caller) if sample is not None else caller is not False
    return f"00-{trace}-{secrets.token_hex(8)}-{int(sampled):02x}"


def is_traceparent(text: str | None) -> TypeGuard[str]:
    """Whether it is valid."""
    return text is not None and _TRACEPARENT.fullmatch(text) is not None


def trace_id(traceparent: str | None) -> str | None:
    return traceparent[3:35] if traceparent else None


def tracestate_of(traceparent: str | None) -> str | None:
    """The `tracestate` that came with the trace of a `traceparent`."""
    state = current_tracestate.get()
    return state.text if state is not None and trace_id(traceparent) == state.trace_id else None


def tracestate(text: str | None) -> str | None:
    """A `tracestate` that may be passed on, at most `MAX_TRACESTATE` long; None if it is invalid.

    Of one that is too long, members longer than `LONG_MEMBER` are dropped first, and then the last
    ones. An empty one is None.
    """
    members = _members(text) if text else None
    return ",".join(_shortened(members.values())) or None if members else None


def with_member(text: str | None, key: str, value: str) -> str:
    """A valid `tracestate` with a member of ours at its front, which replaces an earlier one.

    Members at the end are dropped where there are too many (section 3.5).
    """
    own = f"{key}={value}"
    if not text:
        return own
    members = dict(_members(text) or {})
    members.pop(key, None)
    others = [*members.values()][: MAX_MEMBERS - 1]
    return ",".join([own, *_shortened(others, MAX_TRACESTATE - len(own) - 1)])


def member(text: str | None, key: str) -> str | None:
    """The value of a member; None where there is none."""
    found = (_members(text) or {}).get(key) if text else None
    return found.partition("=")[2] if found is not None else None


# Callers send the same few texts again and again.
@lru_cache(maxsize=256)
def _members(text: str) -> dict[str, str] | None:
    """Each member by its key, in their order; None if one of them is invalid, or a key is repeated.

    The whole header is dropped then, because it cannot be told what was meant (section 3.3.1).
    """
    found: dict[str, str] = {}
    for part in text.split(","):
        part = part.strip(" \t")
        if not part:  # an empty member is allowed, and means nothing
            continue
        match = _MEMBER.fullmatch(part)
        if match is None or match["key"] in found or len(found) == MAX_MEMBERS:
            return None
        found[match["key"]] = part
    return found


def _shortened(members: Collection[str], limit: int = MAX_TRACESTATE) -> list[str]:
    """As many members as fit into `limit` characters with the commas between them."""
    kept = [*members]
    if _length(kept) > limit:
        kept = [each for each in kept if len(each) <= LONG_MEMBER]
    while _length(kept) > limit:
        del kept[-1]
    return kept


def _length(members: Collection[str]) -> int:
    return sum(map(len, members)) + max(0, len(members) - 1)
