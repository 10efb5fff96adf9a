"""A dry run, or a move: read the original, survey it, report, and write where it is asked for."""

import hashlib
import json
from collections.abc import Mapping
from typing import NoReturn

from rich.console import Console

from functions.adoption import decisions_file
from functions.adoption.domain.decisions import Decisions
from functions.adoption.domain.findings import Action, Finding, What
from functions.adoption.errors import AdoptionError, DecisionsRefused, NotTheOriginal
from functions.adoption.mapping import Mapping as Plan
from functions.adoption.options import AdoptOptions, Source, source_of, target_of
from functions.adoption.original import dump, live
from functions.adoption.original.rows import Original
from functions.adoption.original.schema import TABLES
from functions.adoption.original.staging import Staging
from functions.adoption.report import Report, print_summary
from functions.adoption.survey import Survey, survey
from functions.adoption.target import databases, journal
from functions.adoption.target.moving import Moving
from functions.kit.base.clock import Clock, utc_now
from functions.kit.base.errors import Text
from functions.kit.base.language import in_language

DONE, REFUSED = 0, 1
"""Exit codes: 1 while rows are refused that nobody has decided to leave out."""


class Adoption:
    """One run of the command."""

    def __init__(self, options: AdoptOptions, console: Console, *, clock: Clock = utc_now) -> None:
        self.clock = clock
        self.options = options
        self.console = console
        self.language = options.chosen_language()

    def say(self, es: str, en: str) -> None:
        self.console.print(in_language(self.language, Text(es, en)))

    async def run(self) -> int:
        """The exit code. Raises `AdoptionError`."""
        source, target = source_of(self.options), target_of(self.options)
        self._check_report(source)
        decisions = decisions_file.read(self.options.decisions)
        if decisions is None and self.options.apply:
            self._without_decisions()
        await self._check(target)
        with Staging.opened() as staging:
            self.say("Se lee el original …", "Reading the original …")
            if source.urls:
                await live.read(source.urls, staging)
            else:
                dump.read(source.files, self.options.names, staging)
            staging.finish()
            if not any(map(staging.count, TABLES)):
                raise NotTheOriginal(
                    "Las tablas del original no tienen ni una fila. Si son volcados, hágalos otra"
                    " vez sin --no-data.",
                    "The tables of the original have not one row. If these are dumps, make them"
                    " again without --no-data.",
                )
            return await self._decide(staging, decisions, target, from_dump=not source.urls)

    async def _decide(
        self,
        staging: Staging,
        decisions: Decisions | None,
        target: Mapping[str, str],
        *,
        from_dump: bool,
    ) -> int:
        chosen = decisions or Decisions()
        if from_dump and chosen.large_amounts == "as_stored":
            raise DecisionsRefused(
                "large_amounts = as_stored necesita las bases de datos: un volcado solo tiene seis"
                " cifras.",
                "large_amounts = as_stored needs the databases: a dump has six digits only.",
            )
        original = Original(staging, chosen.texts)
        plan = Plan(original, chosen)
        with Report(self.options.report, chosen) as report:
            misencoded = self._misencoded(original, chosen, report)
            found = survey(plan, report.add)
            report.add_sums(found)
        self._check_counts(chosen, found)
        print_summary(self.console, found, report, self.language)
        self._report_unused(staging, chosen)
        if decisions is None:
            self._write_decisions(staging, chosen, report)
        if self.options.apply:
            if misencoded and chosen.texts == "refuse":
                raise DecisionsRefused(
                    f"{misencoded} filas tienen textos en UTF-8 que se leyeron como Latin-1. Decida"
                    f" texts en {self.options.decisions}: repair o keep.",
                    f"{misencoded} rows have texts in UTF-8 that were read as Latin-1. Decide texts"
                    f" in {self.options.decisions}: repair or keep.",
                )
            await self._move(plan, found, target)
        else:
            await self._compare(plan, target)
        undecided = report.undecided
        if undecided:
            self.say(
                f"{undecided} filas no se traen y están sin decidir: vea {self.options.decisions}.",
                f"{undecided} rows are refused and undecided: see {self.options.decisions}.",
            )
        return REFUSED if undecided else DONE

    def _check_report(self, source: Source) -> None:
        """Raises `AdoptionError` where the report would replace a file that is read."""
        report = self.options.report
        if report is None:
            return
        for file in (self.options.decisions, *source.files):
            if report.resolve() == file.resolve():
                raise AdoptionError(
                    f"--report {report} reemplazaría un archivo que se lee. Indique otro.",
                    f"--report {report} would replace a file that is read. Name another one.",
                )

    def _check_counts(self, decisions: Decisions, found: Survey) -> None:
        """Raises `DecisionsRefused` for a count of a book that is not there: a slip of its id."""
        unknown = sorted(set(decisions.stock_count) - set(found.copies))
        if unknown:
            raise DecisionsRefused(
                f"{self.options.decisions}: stock_count.{unknown[0]}: el original no tiene ningún"
                " libro con ese id.",
                f"{self.options.decisions}: stock_count.{unknown[0]}: the original has no book with"
                " that id.",
            )

    def _report_unused(self, staging: Staging, decisions: Decisions) -> None:
        # Not refused: the original may go on between the dry run and the move.
        for spelling in decisions_file.unused_spellings(staging, decisions):
            path = self.options.decisions
            self.say(
                f"{path}: statuses.{spelling!r} no tiene efecto: ninguna compra lo tiene.",
                f"{path}: statuses.{spelling!r} has no effect: no purchase is in that status.",
            )

    def _without_decisions(self) -> NoReturn:
        raise DecisionsRefused(
            f"Falta {self.options.decisions}. Ejecute primero la orden sin --apply: escribe ese"
            " archivo con las decisiones que debe revisar.",
            f"{self.options.decisions} is missing. Run the command without --apply first: it writes"
            " that file, with the decisions to look at.",
        )

    async def _check(self, target: Mapping[str, str]) -> None:
        """Raises `TargetRefused` where the data cannot go there."""
        async with databases.opened(databases.existing(target)) as there:
            await databases.check_empty(await journal.without(there))
            await databases.check_schemas(there)

    def _misencoded(self, original: Original, decisions: Decisions, report: Report) -> int:
        actions = {"refuse": Action.REFUSED, "repair": Action.REPAIRED, "keep": Action.KEPT}
        action = actions[decisions.texts]
        number = 0
        for table, row_id in original.misencoded():
            number += 1
            report.add(Finding(table.label, row_id, What.TEXT_MISENCODED, action))
        return number

    def _write_decisions(self, staging: Staging, decisions: Decisions, report: Report) -> None:
        path = self.options.decisions
        spellings = decisions_file.spellings(staging)
        decisions_file.write(path, decisions, spellings, report.refused, self.language)
        self.say(
            f"Se ha escrito {path} con sus decisiones: revíselas, y ejecute la orden otra vez.",
            f"{path} was written, with your decisions: look at them, and run the command again.",
        )

    async def _compare(self, plan: Plan, target: Mapping[str, str]) -> None:
        """Say what `--apply` would do. Raises `TargetRefused`."""
        async with databases.opened(databases.existing(target)) as there:
            move = await journal.begun(there, plan.original.staging.digest, _digest(plan.decisions))
            if move is not None:
                self._say_begun(whole=await journal.is_whole(there))
                return
        self.say(
            "Era una prueba: no se ha escrito nada en las bases de datos. Con --apply se traen los"
            " datos.",
            "This was a dry run: nothing was written to the databases. --apply moves the data.",
        )

    def _say_begun(self, *, whole: bool) -> None:
        if whole:
            self.say(
                "Los datos ya se han traído: no hay nada que hacer.",
                "The data has been moved already: there is nothing to do.",
            )
        else:
            self.say(
                "Una vez anterior no terminó: --apply sigue donde quedó.",
                "A former run did not end: --apply goes on where it stopped.",
            )

    async def _move(self, plan: Plan, found: Survey, target: Mapping[str, str]) -> None:
        databases.make_folders(target)
        async with databases.opened(target) as there:
            digest, decided = plan.original.staging.digest, _digest(plan.decisions)
            move = await journal.begun(there, digest, decided)
            if move is not None and await journal.is_whole(there):
                self._say_begun(whole=True)
                return
            if move is None:
                # The original may have been read for minutes, in which a service started.
                await databases.check_empty(await journal.without(there))
                move = journal.Move(digest, decided, self.clock())
            await databases.migrate_all(there)
            move = await journal.begin(there, move)
            with self.console.status(""):
                moving = Moving(
                    databases=there,
                    mapping=plan,
                    survey=found,
                    move=move,
                    progress=self._progress,
                    clock=self.clock,
                )
                await moving.run()
        self.say(
            "Los datos se han traído. Ahora inicie los servicios: catalog y purchase se ponen de"
            " acuerdo por sus eventos.",
            "The data has been moved. Now start the services: catalog and purchase agree by their"
            " events.",
        )

    def _progress(self, step: str, written: int) -> None:
        if written % 50_000 == 0:
            self.console.print(f"  {step}: {written}")


def _digest(decisions: Decisions) -> str:
    text = json.dumps(decisions.of_effect(), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
