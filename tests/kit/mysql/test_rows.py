"""Rows are read as the protocol writes them, and as the driver reads them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymysql.protocol import MysqlPacket

from functions.kit.mysql.rows import Rows


def length_encoded(value: bytes | None) -> bytes:
    """Source: MySQL's protocol, "Length-Encoded Integer"."""
    if value is None:
        return b"\xfb"
    size = len(value)
    if size < 251:
        return bytes([size]) + value
    if size < 2**16:
        return b"\xfc" + size.to_bytes(2, "little") + value
    if size < 2**24:
        return b"\xfd" + size.to_bytes(3, "little") + value
    return b"\xfe" + size.to_bytes(8, "little") + value


def read(values: list[bytes | None], *converters: tuple[str | None, Any]) -> tuple[Any, ...]:
    rows = Rows.__new__(Rows)
    rows.converters = list(converters) or [(None, None)] * len(values)
    packet = MysqlPacket(b"".join(map(length_encoded, values)), "utf8")
    row: tuple[Any, ...] = rows._read_row_from_packet(packet)
    return row


@given(st.lists(st.one_of(st.none(), st.binary(max_size=600)), max_size=8))
def test_every_value_comes_out_as_it_went_in(values: list[bytes | None]) -> None:
    """Null is not the empty string."""
    assert read(values) == tuple(values)


@pytest.mark.parametrize("size", [250, 251, 2**16 - 1, 2**16, 2**24 - 1, 2**24])
def test_every_length_is_read(size: int) -> None:
    """Where one more byte is needed for it, too."""
    value = b"x" * size

    assert read([value, b"after"]) == (value, b"after")


def test_values_are_decoded_and_converted() -> None:
    """A null is neither."""
    found = read([b"ma\xc3\xb1ana", b"42", None], ("utf8", None), ("ascii", int), ("ascii", int))

    assert found == ("mañana", 42, None)


@pytest.mark.parametrize("columns", [1, 3])
def test_a_row_that_does_not_fill_its_packet_is_refused(columns: int) -> None:
    """Neither more values than columns nor fewer are made up or dropped."""
    with pytest.raises((ValueError, IndexError)):
        read([b"a", b"b"], *[(None, None)] * columns)
