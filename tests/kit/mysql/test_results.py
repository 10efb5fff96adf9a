"""Answers are read as the protocol writes them, however they are cut, and nothing else is."""

import asyncio
import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymysql.err import MySQLError, ProgrammingError

from functions.kit.mysql.errors import DataError
from functions.kit.mysql.plans import Result
from functions.kit.mysql.results import Answers, ProtocolError, ReceiveBuffer

BLOB, BIGINT, DATETIME, TEXT = 252, 8, 12, 253
EOF = b"\xfe\x00\x00\x22\x00"


def integer(value: int) -> bytes:
    """Source: MySQL's protocol, "Length-Encoded Integer"."""
    if value < 251:
        return bytes([value])
    for first, width in ((b"\xfc", 2), (b"\xfd", 3), (b"\xfe", 8)):
        if value < 256**width:
            return first + value.to_bytes(width, "little")
    raise AssertionError(value)


def text(value: bytes | None) -> bytes:
    return b"\xfb" if value is None else integer(len(value)) + value


def column(name: str, kind: int, charset: int) -> bytes:
    names = (b"def", b"s", b"t", b"t", name.encode(), name.encode())
    fixed = charset.to_bytes(2, "little") + (300).to_bytes(4, "little") + bytes([kind]) + bytes(5)
    return b"".join(map(text, names)) + integer(len(fixed)) + fixed


def packets(*payloads: bytes, first: int = 1) -> bytes:
    whole, number = b"", first
    for payload in payloads:
        for start in range(0, len(payload) + 1, 0xFFFFFF):
            part = payload[start : start + 0xFFFFFF]
            whole += len(part).to_bytes(3, "little") + bytes([number & 0xFF]) + part
            number += 1
    return whole


def result(kinds: list[int], rows: list[list[bytes | None]]) -> bytes:
    columns = [column(f"c{n}", kind, 45 if kind == TEXT else 63) for n, kind in enumerate(kinds)]
    written = [b"".join(map(text, row)) for row in rows]
    return packets(integer(len(kinds)), *columns, EOF, *written, EOF)


class Socket(asyncio.Transport):
    """Of which nothing is wanted but to wait when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.paused = False

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def is_closing(self) -> bool:
        return False


def read(data: bytes, cuts: list[int] | None = None, sent: int = 1) -> tuple[Result, Answers]:
    """The stream gives the bytes in these parts, and ends."""

    async def reading() -> tuple[Result, Answers]:
        received = ReceiveBuffer(Socket())
        answers = Answers(received, 0)
        task = asyncio.ensure_future(answers.read(sent))
        at = 0
        for cut in sorted({cut % (len(data) + 1) for cut in cuts or []}):
            if cut > at:
                received.data_received(data[at:cut])
                await asyncio.sleep(0)
                at = cut
        received.data_received(data[at:])
        received.eof_received()
        return await task, answers

    return asyncio.run(reading())


@settings(deadline=None)
@given(
    st.lists(st.lists(st.one_of(st.none(), st.binary(max_size=600)), min_size=3, max_size=3)),
    st.lists(st.integers(0, 10_000), max_size=6),
)
def test_every_value_comes_out_as_it_went_in(
    rows: list[list[bytes | None]], cuts: list[int]
) -> None:
    """Wherever the bytes are cut. Null is not the empty string."""
    found, answers = read(result([BLOB] * 3, rows), cuts)

    assert [list(row.values()) for row in found.rows] == rows
    assert found.affected == len(rows)
    assert answers.server_status == 0x22
    assert not answers.leftover


@pytest.mark.parametrize("size", [250, 251, 2**16 - 1, 2**16, 2**24 - 6, 2**24 - 5, 2**24, 2**25])
def test_every_length_is_read(size: int) -> None:
    """Where one more byte is needed for it, and where a packet goes on in the next one."""
    value = b"x" * size

    found, _ = read(result([BLOB, BLOB], [[value, b"after"], [b"", b"last"]]))

    assert [list(row.values()) for row in found.rows] == [[value, b"after"], [b"", b"last"]]


def test_a_write_says_how_many_and_which_number() -> None:
    """In an answer that follows several packets, too."""
    packet = packets(b"\x00" + integer(70_000) + integer(2**40) + b"\x03\x00\x00\x00", first=3)

    found, answers = read(packet, sent=3)

    assert found == Result([], 70_000, 2**40)
    assert answers.server_status == 3


def test_values_are_decoded() -> None:
    """Text is read as UTF-8, a BIGINT as `int`, and a DATETIME as a datetime in UTC."""
    found, _ = read(
        result([TEXT, BIGINT, DATETIME], [[b"ma\xc3\xb1ana", b"-42", b"2040-01-02 03:04:05"]])
    )

    moment = dt.datetime(2040, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    assert found.rows == [{"c0": "mañana", "c1": -42, "c2": moment}]


@pytest.mark.parametrize(
    ("kind", "value"), [(DATETIME, b"0000-00-00 00:00:00"), (TEXT, b"\xff"), (BIGINT, b"")]
)
def test_a_value_that_python_has_none_for_is_told_after_the_last_row(
    kind: int, value: bytes
) -> None:
    """So that the connection can go on."""

    async def reading() -> tuple[Any, Result]:
        received = ReceiveBuffer(Socket())
        answers = Answers(received, 0)
        received.data_received(
            result([kind], [[value], [None]]) + packets(b"\x00\x01\x00" + bytes(4))
        )
        with pytest.raises(DataError, match="CAST") as caught:
            await answers.read()
        assert answers.ended
        return caught.value, await answers.read()

    error, after = asyncio.run(reading())
    assert "0000" not in str(error)
    assert after == Result([], 1, 0)


def test_an_error_among_the_rows_is_raised() -> None:
    """An error packet after a row raises the driver's error instead of a partial result."""
    whole = result([BLOB], [[b"a"]])
    error = b"\xff\x28\x04#42000something"
    number = whole[-6]
    whole = whole[:-9] + len(error).to_bytes(3, "little") + bytes([number]) + error

    with pytest.raises(ProgrammingError, match="1064"):
        read(whole)


@settings(deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.lists(st.binary(max_size=40), max_size=6).map(lambda parts: packets(*parts)),
        st.tuples(st.integers(0), st.binary(min_size=1, max_size=4)).map(
            lambda change: _damaged(*change)
        ),
    )
)
def test_garbage_is_refused_as_such(data: bytes) -> None:
    """By one of three ways; nothing is made up, and no bare IndexError gets out."""
    try:
        found, _ = read(data)
    except (ProtocolError, MySQLError, DataError):
        return
    assert isinstance(found, Result)


def _damaged(place: int, by: bytes) -> bytes:
    whole = result([BLOB, TEXT], [[b"abc", b"def"], [None, b"x" * 300]])
    at = place % len(whole)
    return whole[:at] + by + whole[at + len(by) :]


@pytest.mark.parametrize("columns", [1, 3])
def test_a_row_that_does_not_fill_its_packet_is_refused(columns: int) -> None:
    """Neither more values than columns nor fewer are made up or dropped."""
    with pytest.raises(ProtocolError):
        read(result([BLOB] * columns, [[b"a", b"b"]]))


def test_the_server_waits_while_nobody_reads() -> None:
    """A batch of a large table must not fill the memory."""

    async def reading() -> list[bool]:
        socket = Socket()
        received = ReceiveBuffer(socket)
        states = []
        received.data_received(b"x" * 1000)
        states.append(socket.paused)
        received.data_received(b"x" * 2**18)
        states.append(socket.paused)
        assert len(await received.take()) == 1000 + 2**18
        states.append(socket.paused)
        return states

    assert asyncio.run(reading()) == [False, True, False]
