"""The report: one JSON line for each finding (`--report FILE`), sums, and a table to read.

No line has card numbers, password hashes, or addresses of people (`domain/findings.py`).
"""

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple, Self

from rich.console import Console
from rich.table import Table

from functions.adoption.domain.decisions import Decisions
from functions.adoption.domain.findings import MEANINGS, Action, Finding, What
from functions.adoption.errors import AdoptionError
from functions.adoption.survey import Sum, Survey
from functions.kit.base.errors import Text
from functions.kit.base.language import in_language
from functions.kit.base.money import money

ACTIONS = {
    Action.REFUSED: Text("no se trae", "refused"),
    Action.REPAIRED: Text("reparado", "repaired"),
    Action.KEPT: Text("se conserva", "kept"),
}


STANDARD_OUTPUT = Path("-")


class Kind(NamedTuple):
    table: str
    what: What
    action: Action


class Report:
    """Counts findings, and writes each to the file where there is one."""

    def __init__(self, path: Path | None, decisions: Decisions) -> None:
        self.decisions = decisions
        self.kinds: dict[Kind, Sum] = {}
        self._path = path
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        if self._path == STANDARD_OUTPUT:
            self._file = sys.stdout
        elif self._path is not None:
            with self._written():
                self._path.touch(mode=0o600)
                self._file = self._path.open("w", encoding="utf-8")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is None:
            return
        with self._written() if error is None else contextlib.suppress(OSError):
            self._file.flush()
            if self._file is not sys.stdout:
                self._file.close()

    @contextlib.contextmanager
    def _written(self) -> Iterator[None]:
        """Raises `AdoptionError` where the file cannot be written, as on a full disk."""
        try:
            yield
        except OSError as error:
            raise AdoptionError(
                f"{self._path} no se puede escribir: {error.strerror}.",
                f"{self._path} cannot be written: {error.strerror}.",
            ) from error

    def add(self, finding: Finding) -> None:
        kind = Kind(finding.table, finding.what, finding.action)
        self.kinds.setdefault(kind, Sum()).add(finding.minor)
        line: dict[str, object] = {
            "table": finding.table,
            "id": finding.id,
            "what": finding.what,
            "action": finding.action,
            "old": finding.old,
        }
        if finding.minor:
            line["minor"] = finding.minor
        if finding.action is Action.REFUSED:
            line["decided"] = self.decisions.settles(finding.what)
        self._write(line)

    def add_sums(self, survey: Survey) -> None:
        for text, each in sums(survey):
            self._write({"sum": text.en, "count": each.count, "minor": each.minor})

    def _write(self, line: dict[str, object]) -> None:
        if self._file is not None:
            with self._written():
                self._file.write(json.dumps(line, ensure_ascii=False) + "\n")

    @property
    def refused(self) -> dict[What, int]:
        """Refused rows by code."""
        found: dict[What, int] = {}
        for kind, each in self.kinds.items():
            if kind.action is Action.REFUSED:
                found[kind.what] = found.get(kind.what, 0) + each.count
        return found

    @property
    def undecided(self) -> int:
        """Refused rows that the owner has not decided to leave out."""
        return sum(
            number for what, number in self.refused.items() if not self.decisions.settles(what)
        )


def sums(survey: Survey) -> Iterator[tuple[Text, Sum]]:
    yield Text("pagos recibidos por el original", "payments received"), survey.received
    yield Text("  pagos que se traen", "  payments that are moved"), survey.moved
    for what, each in survey.not_moved.items():
        meaning = MEANINGS[what]
        yield Text(f"  no se trae: {meaning.es}", f"  not moved: {meaning.en}"), each
    yield Text("  sin explicar", "  unexplained"), Sum(0, survey.unexplained_minor)
    if survey.vouched.count:
        yield Text("pagos que usted confirma", "payments that you vouch for"), survey.vouched
    for status, each in survey.purchases.items():
        yield Text(f"compras en {status}", f"purchases that are {status}"), each
    yield Text("compras que no se traen", "purchases that are refused"), survey.refused_purchases


def print_summary(console: Console, survey: Survey, report: Report, language: str) -> None:
    """What was found, what becomes of it, and the sums of money."""

    def say(es: str, en: str) -> str:
        return in_language(language, Text(es, en))

    rows = ", ".join(f"{name} {number}" for name, number in survey.rows.items())
    console.print(say(f"Filas del original: {rows}", f"Rows of the original: {rows}"))
    console.print(
        say(
            f"Aquí: {survey.accounts} cuentas ({survey.closed_accounts} cerradas), {survey.books}"
            f" libros ({survey.retired_books} retirados), {survey.providers} transportistas,"
            f" {survey.deliveries} entregas",
            f"Here: {survey.accounts} accounts ({survey.closed_accounts} closed), {survey.books}"
            f" books ({survey.retired_books} retired), {survey.providers} delivery providers,"
            f" {survey.deliveries} deliveries",
        )
    )
    console.print(_findings(report, language, say("Hallazgos", "Findings")))
    console.print(_sums(survey, report.decisions.currency, language, say("Dinero", "Money")))


def _findings(report: Report, language: str, title: str) -> Table:
    def say(es: str, en: str) -> str:
        return in_language(language, Text(es, en))

    table = Table(title=title, title_justify="left")
    for name in (say("tabla", "table"), say("qué", "what"), say("filas", "rows")):
        table.add_column(name, justify="right" if name == say("filas", "rows") else "left")
    for name in (say("acción", "action"), say("código", "code"), say("decidido", "decided")):
        table.add_column(name)
    order = list(Action)
    for kind, each in sorted(
        report.kinds.items(), key=lambda item: (-order.index(item[0].action), item[0].table)
    ):
        decided = ""
        if kind.action is Action.REFUSED:
            settled = report.decisions.settles(kind.what)
            decided = say("sí", "yes") if settled else say("no", "no")
        table.add_row(
            kind.table,
            in_language(language, MEANINGS[kind.what]),
            str(each.count),
            in_language(language, ACTIONS[kind.action]),
            str(kind.what),
            decided,
        )
    return table


def _sums(survey: Survey, currency: str, language: str, title: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("")
    table.add_column(in_language(language, Text("filas", "rows")), justify="right")
    table.add_column(in_language(language, Text("importe", "amount")), justify="right")
    for text, each in sums(survey):
        table.add_row(
            in_language(language, text), str(each.count or ""), money(each.minor, currency)
        )
    return table
