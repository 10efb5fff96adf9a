"""A session that answers nothing and remembers what it was sent."""

import asyncio
from collections.abc import Sequence
from typing import Any

from functions.kit.mysql.plans import Key, Result
from functions.kit.mysql.translate import translate


class Recorder:
    def __init__(self, *, row_alias: bool = False, rows: Sequence[dict[str, Any]] = ()) -> None:
        self.row_alias = row_alias
        self.is_mariadb = not row_alias
        self.sent: list[str] = []
        self._rows = rows

    async def run(self, sql: str) -> Result:
        self.sent.append(sql)
        return Result([dict(row) for row in self._rows], 1, 7)

    async def primary_key(self, table: str) -> Key:
        return Key("id", auto_increment=True, text=False)

    async def auto_increment_step(self) -> int:
        return 2


def sent(sql: str, *args: Any, row_alias: bool = False) -> str:
    recorder = Recorder(row_alias=row_alias)
    asyncio.run(translate(sql).run(recorder, args, None))
    assert len(recorder.sent) == 1
    return recorder.sent[0]
