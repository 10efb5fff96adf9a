"""The spans of statements, as both engines record them."""

import gc
import weakref
from typing import Any

import pytest
from piccolo.querystring import QueryString

from functions.kit.base.telemetry import current_traceparent
from functions.kit.base.tracing import CLIENT, FinishedSpan, Tracer
from functions.kit.data.database import Database, Outcome
from functions.kit.data.engines import connect
from functions.kit.data.statement_spans import StatementSpans

SAMPLED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SELECT = "SELECT name FROM things WHERE id = {}"


async def spans_of(database_url: str, traceparent: str | None, *statements: QueryString) -> Any:
    """What is recorded of statements in such a trace, and the errors that they raise."""
    tracer, errors = Tracer(), []
    database: Database = connect(database_url, tracer=tracer)
    token = current_traceparent.set(None)
    try:
        await database.execute(
            QueryString("CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT)")
        )
        await database.execute(
            QueryString("INSERT INTO things (id, name) VALUES (1, 'a'), (2, 'b')")
        )
        current_traceparent.set(traceparent)
        for statement in statements:
            try:
                await database.execute(statement)
            except Exception as error:  # noqa: BLE001 - whatever the engine raises
                errors.append(type(error).__name__)
    finally:
        current_traceparent.reset(token)
        await database.close()
    return list(tracer.finished), errors


async def test_a_statement_is_a_child_of_the_current_span(database_url: str) -> None:
    """With its text, without its values, and the number of its rows."""
    spans: list[FinishedSpan]
    spans, _ = await spans_of(
        database_url,
        SAMPLED,
        QueryString(SELECT, 1),
        QueryString("SELECT name FROM things WHERE id > {} AND name <> 'secret'", 0),
    )
    one, two = spans

    assert [(each.trace_id, each.parent_id, each.kind) for each in spans] == [
        (SAMPLED[3:35], SAMPLED[36:52], CLIENT)
    ] * 2
    assert one.name == "SELECT things"
    assert [each.attributes for each in spans] == [
        {"db.response.returned_rows": 1},
        {"db.response.returned_rows": 2},
    ]
    assert one.shared is not None
    assert two.shared is not None
    assert one.shared.values["db.query.text"] == "SELECT name FROM things WHERE id = ?"
    assert "secret" not in str(two.shared.values["db.query.text"])
    assert not one.failed
    assert one.end >= one.start > 10**18


async def test_a_statement_that_fails_has_its_error(database_url: str) -> None:
    """The type alone."""
    (failed,), (error,) = await spans_of(
        database_url, SAMPLED, QueryString("INSERT INTO things (id, name) VALUES ({}, {})", 1, "x")
    )

    assert failed.failed
    assert failed.attributes == {"error.type": error}


@pytest.mark.parametrize("traceparent", [None, SAMPLED[:-1] + "0"])
async def test_outside_of_a_sampled_trace_no_statement_is_recorded(
    database_url: str, traceparent: str | None
) -> None:
    """It runs all the same."""
    spans, errors = await spans_of(database_url, traceparent, QueryString(SELECT, 1))

    assert (spans, errors) == ([], [])


async def test_a_recorded_error_is_not_kept_alive() -> None:
    """Its traceback would keep the values of the statement until the export."""

    class Failure(Exception):
        pass

    async def fail() -> Outcome:
        raise Failure

    tracer = Tracer()
    token = current_traceparent.set(SAMPLED)
    kept = None
    try:
        await StatementSpans(tracer, "mysql").recorded("SELECT 1", fail())
    except Failure as error:
        kept = weakref.ref(error)
    current_traceparent.reset(token)
    gc.collect()

    assert kept is not None
    assert kept() is None
    assert tracer.finished[0].attributes == {"error.type": "Failure"}
