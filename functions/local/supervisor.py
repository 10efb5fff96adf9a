"""Keeps programs running: starts them, shows what they say, starts again what crashed.

A program that was ready once is started again for as long as it takes; one that never gets
ready is given up after a few tries, and the run with it.
"""

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import httpx

from functions.local.console import Console
from functions.local.errors import ProgramFailedError
from functions.local.programs import ROOT, Program

MOST_CRASHES = 5

_FIRST_PAUSE_SECONDS = 0.1
# Long enough not to burn the machine, short enough for whoever waits for the service.
_LONGEST_PAUSE_SECONDS = 2.0
_SHORT_LIFE_SECONDS = 10.0
_READY_SECONDS = 60.0
_END_SECONDS = 15.0
_TAIL_BYTES = 2_000


class Supervisor:
    def __init__(self, console: Console, logs: Path, *, patient: bool = False) -> None:
        """A patient one gives nothing up: what cannot be started waits to be started again."""
        self._console = console
        self._logs = logs
        self._patient = patient
        self._keepers: dict[str, _Keeper] = {}
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Ends with ProgramFailedError when a program is given up."""

    async def start(self, *programs: Program) -> None:
        """Returns once all of them are ready."""
        for program in programs:
            keeper = _Keeper(
                program,
                self._console,
                self._logs / f"{program.name}.log",
                patient=self._patient,
            )
            self._keepers[program.name] = keeper
            keeper.task.add_done_callback(self._note_failure)
        ready = asyncio.create_task(self._until_ready(programs))
        try:
            await asyncio.wait({ready, self.failed}, return_when=asyncio.FIRST_COMPLETED)
            if self.failed.done():
                self.failed.result()
            await ready
        finally:
            ready.cancel()
            await asyncio.gather(ready, return_exceptions=True)

    async def stop(self, *names: str) -> None:
        """Asks them to end, all at once; those that will not are killed."""
        await asyncio.gather(*(self._keepers[n].stop() for n in names if n in self._keepers))

    def restart(self, *names: str) -> None:
        """End them, and start them again at once."""
        for name in names:
            self._keepers[name].restart()

    def kill(self) -> None:
        for keeper in self._keepers.values():
            keeper.kill()

    async def _until_ready(self, programs: Sequence[Program]) -> None:
        try:
            async with asyncio.timeout(_READY_SECONDS):
                for program in programs:
                    await self._keepers[program.name].first_ready.wait()
        except TimeoutError as error:
            slow = [p.name for p in programs if not self._keepers[p.name].first_ready.is_set()]
            raise ProgramFailedError(
                f"{', '.join(slow)}: not ready after {_READY_SECONDS:g} s; see {self._logs}"
            ) from error

    def _note_failure(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or self.failed.done():
            return
        if (error := task.exception()) is not None:
            self.failed.set_exception(error)


class _Keeper:
    """One program over all its lives."""

    def __init__(self, program: Program, console: Console, log: Path, *, patient: bool) -> None:
        self._program = program
        self._patient = patient
        self._restarted = asyncio.Event()
        self._console = console
        self._log = log
        self._pid_file = log.with_suffix(".pid")
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self.first_ready = asyncio.Event()
        self.task = asyncio.create_task(self._keep(), name=program.name)

    def restart(self) -> None:
        self._restarted.set()
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.terminate()

    async def stop(self) -> None:
        self._stopping.set()
        self._restarted.set()  # nothing is to be waited for any more
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.terminate()
        done, _ = await asyncio.wait({self.task}, timeout=_END_SECONDS)
        if not done:
            self._console.notice(f"{self._program.name} does not end, and is killed")
            self.kill()
            await asyncio.wait({self.task})

    def kill(self) -> None:
        self._stopping.set()
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                # A process group of its own: what it started goes with it.
                os.killpg(self._process.pid, signal.SIGKILL)

    async def _keep(self) -> None:
        crashes = 0  # in a row, without having been ready
        short_lives = 0
        while not self._stopping.is_set():
            born = asyncio.get_running_loop().time()
            code, got_ready = await self._live()
            if self._stopping.is_set():
                return
            if self._restarted.is_set():
                self._restarted.clear()
                crashes = short_lives = 0
                continue
            short = asyncio.get_running_loop().time() - born < _SHORT_LIFE_SECONDS
            short_lives = short_lives + 1 if short else 0
            crashes = 0 if got_ready else crashes + 1
            if crashes and self._patient and self.first_ready.is_set():
                self._console.notice(
                    f"{self._program.name} {describe_exit(code)}, and waits to be changed"
                )
                await self._restarted.wait()
                self._restarted.clear()
                crashes = short_lives = 0
                continue
            if crashes >= MOST_CRASHES:
                raise ProgramFailedError(
                    f"{self._program.name} cannot be started: {crashes} times in a row it "
                    f"{describe_exit(code)}. Its last words, from {self._log}:\n{self._tail()}"
                )
            pause = min(_FIRST_PAUSE_SECONDS * 2.0 ** min(short_lives, 10), _LONGEST_PAUSE_SECONDS)
            self._console.notice(
                f"{self._program.name} {describe_exit(code)}; starting it again in {pause:g} s"
            )
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()

    async def _live(self) -> tuple[int, bool]:
        """Its exit code, and whether it was ready before."""
        program = self._program
        process = await asyncio.create_subprocess_exec(
            *program.command,
            cwd=ROOT,
            env=dict(program.environment),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            # Ctrl-C goes to the runner alone, which ends everything in its order.
            start_new_session=True,
        )
        self._process = process
        # For whoever wants to see what happens when it is killed.
        self._pid_file.write_text(f"{process.pid}\n")
        if self._stopping.is_set():  # asked to stop while it was being started
            process.terminate()
        became_ready = asyncio.Event()
        watch = asyncio.create_task(self._watch_ready(became_ready))
        try:
            await self._pump(process)
            code = await process.wait()
        finally:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch
            if process.stdin is not None:
                process.stdin.close()
            # Its number may soon be another's: nobody is to kill by it.
            self._pid_file.unlink(missing_ok=True)
        return code, became_ready.is_set()

    async def _watch_ready(self, became_ready: asyncio.Event) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=5.0) as client:
            while True:
                with suppress(httpx.HTTPError):
                    if (await client.get(self._program.ready_url)).is_success:
                        break
                await asyncio.sleep(0.05)
        if self.first_ready.is_set():
            self._console.notice(f"{self._program.name} is back")
        became_ready.set()
        self.first_ready.set()

    async def _pump(self, process: asyncio.subprocess.Process) -> None:
        if process.stdout is None:
            return
        rest = b""
        with self._log.open("ab") as log:
            # By chunks: a line has no bound, and must not be able to stop the pump.
            while chunk := await process.stdout.read(65_536):
                log.write(chunk)
                log.flush()
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._console.program_line(
                        self._program.name, line.decode(errors="replace").rstrip()
                    )
                rest = rest[-65_536:]

    def _tail(self) -> str:
        with suppress(OSError):
            content = self._log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace")
            return "\n".join(f"    {line}" for line in content.strip().splitlines()[-15:])
        return "    (nothing)"


def describe_exit(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
