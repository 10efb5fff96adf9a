"""Rows of a result, taken out of their packets in one go, and columns that are known already.

The driver calls four functions for each value; of a page of fifty books that is most of the work
that a request is. And it parses what the server says of each column, which is the same with every
run of a statement. `wire.py` reads results with this.
"""

from functools import lru_cache
from typing import Any

from pymysql.protocol import FieldDescriptorPacket

from functions.kit.mysql.driver import MySQLResult

_NULL, _TWO_BYTES, _THREE_BYTES = 0xFB, 0xFC, 0xFD
_SIZES = {_TWO_BYTES: 2, _THREE_BYTES: 3, 0xFE: 8}


@lru_cache(maxsize=1024)
def column(packet: bytes, encoding: str) -> Any:
    """The driver's description of a column, which nobody changes: parsed once."""
    return FieldDescriptorPacket(packet, encoding)


class Rows(MySQLResult):  # type: ignore[misc]  # the driver has no types
    """The driver's result, but for how a row is read.

    Source: MySQL's protocol, "Text Resultset Row" and "Length-Encoded Integer".
    """

    def _read_row_from_packet(self, packet: Any) -> tuple[Any, ...]:
        data: bytes = packet.get_all_data()
        row: list[Any] = []
        at = 0
        for encoding, convert in self.converters:
            size = data[at]
            at += 1
            if size == _NULL:
                row.append(None)
                continue
            if size > _NULL:
                width = _SIZES[size]
                size = int.from_bytes(data[at : at + width], "little")
                at += width
            end = at + size
            value: Any = data[at:end]
            at = end
            if encoding is not None:
                value = value.decode(encoding)
            if convert is not None:
                value = convert(value)
            row.append(value)
        if at != len(data):
            raise ValueError("a row does not fill its packet")
        return tuple(row)
