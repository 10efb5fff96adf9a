"""Keeps programs running: starts them, prints their output, and restarts those that crash.

A program that was ready once is restarted without limit. One that crashes several times in a row
without becoming ready fails the run.
"""

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import httpx

from functions.kit.base.background import wait_at_most
from functions.local.console import Console
from functions.local.errors import ProgramFailedError
from functions.local.programs import ROOT, Program

MAX_CRASHES = 5

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 2.0
"""Long enough to leave the processor idle, short enough for clients that wait for the service."""
_SHORT_LIFE_SECONDS = 10.0
_READY_SECONDS = 60.0
_STOP_SECONDS = 15.0
_TAIL_BYTES = 2_000
_CHUNK_BYTES = 65_536


class Supervisor:
    def __init__(self, console: Console, logs: Path, *, wait_for_changes: bool = False) -> None:
        """With `wait_for_changes`, a program that crashes at a restart is not started until the
        next one."""
        self._console = console
        self._logs = logs
        self._wait_for_changes = wait_for_changes
        self._supervised: dict[str, _SupervisedProgram] = {}
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Gets a ProgramFailedError when a program cannot run."""

    async def start(self, *programs: Program) -> None:
        """Returns once all of them are ready. Raises ProgramFailedError."""
        for program in programs:
            supervised = _SupervisedProgram(
                program,
                self._console,
                self._logs / f"{program.name}.log",
                wait_for_changes=self._wait_for_changes,
            )
            self._supervised[program.name] = supervised
            supervised.task.add_done_callback(self._record_failure)
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
        """Terminates them, all at once, and kills those that do not stop in time."""
        await asyncio.gather(*(self._supervised[n].stop() for n in names if n in self._supervised))

    def restart(self, *names: str) -> None:
        for name in names:
            self._supervised[name].restart()

    def runs(self, name: str) -> bool:
        """Whether it is a program of this supervisor that was ready once."""
        return name in self._supervised and self._supervised[name].first_ready.is_set()

    def hold(self, name: str) -> None:
        """Stop a program, and do not start it again until `release`."""
        self._supervised[name].hold()

    def release(self, name: str) -> None:
        self._supervised[name].release()

    def crash(self, name: str) -> None:
        """Kill a program's process if it is ready; it is restarted as after any crash."""
        self._supervised[name].crash()

    def kill(self) -> None:
        for supervised in self._supervised.values():
            supervised.kill()

    async def _until_ready(self, programs: Sequence[Program]) -> None:
        try:
            async with asyncio.timeout(_READY_SECONDS):
                for program in programs:
                    await self._supervised[program.name].first_ready.wait()
        except TimeoutError as error:
            slow = [p.name for p in programs if not self._supervised[p.name].first_ready.is_set()]
            raise ProgramFailedError(
                f"{', '.join(slow)}: not ready after {_READY_SECONDS:g} s; see {self._logs}"
            ) from error

    def _record_failure(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or self.failed.done():
            return
        if (error := task.exception()) is not None:
            self.failed.set_exception(error)


class _SupervisedProgram:
    """One program, over all its processes."""

    def __init__(
        self, program: Program, console: Console, log: Path, *, wait_for_changes: bool
    ) -> None:
        self._program = program
        self._wait_for_changes = wait_for_changes
        self._restart_requested = asyncio.Event()
        self._console = console
        self._log = log
        self._pid_file = log.with_suffix(".pid")
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._released = asyncio.Event()
        self._released.set()
        self._ready = False
        """Whether the present process is."""
        self.first_ready = asyncio.Event()
        self.task = asyncio.create_task(self._run_until_stopped(), name=program.name)

    def restart(self) -> None:
        self._restart_requested.set()
        self._terminate()

    def hold(self) -> None:
        self._released.clear()
        self._terminate()

    def release(self) -> None:
        self._released.set()

    def crash(self) -> None:
        if self._ready:
            self._ready = False
            self._kill_process()

    async def stop(self) -> None:
        self._stopping.set()
        self._released.set()
        self._restart_requested.set()  # it may be waiting for a change
        self._terminate()
        done, _ = await asyncio.wait({self.task}, timeout=_STOP_SECONDS)
        if not done:
            self._console.notice(
                f"{self._program.name} did not stop within {_STOP_SECONDS:g} s and is killed"
            )
            self.kill()
            await asyncio.wait({self.task})

    def kill(self) -> None:
        self._stopping.set()
        self._released.set()
        self._kill_process()

    def _kill_process(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                # Its process group, which includes its own child processes.
                os.killpg(self._process.pid, signal.SIGKILL)

    def _terminate(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.terminate()

    async def _run_until_stopped(self) -> None:
        crashes = 0  # in a row, before it was ready
        short_lives = 0
        while not self._stopping.is_set():
            started = asyncio.get_running_loop().time()
            code, became_ready = await self._run_once()
            if not self._released.is_set():
                await self._released.wait()
                crashes = short_lives = 0
                continue
            if self._stopping.is_set():
                return
            if self._restart_requested.is_set():
                self._restart_requested.clear()
                crashes = short_lives = 0
                continue
            short = asyncio.get_running_loop().time() - started < _SHORT_LIFE_SECONDS
            short_lives = short_lives + 1 if short else 0
            crashes = 0 if became_ready else crashes + 1
            if crashes and self._wait_for_changes and self.first_ready.is_set():
                self._console.notice(
                    f"{self._program.name} {describe_exit(code)}; it restarts at the next change"
                )
                await self._restart_requested.wait()
                self._restart_requested.clear()
                crashes = short_lives = 0
                continue
            if crashes >= MAX_CRASHES:
                raise ProgramFailedError(
                    f"{self._program.name} cannot be started: {crashes} times in a row it "
                    f"{describe_exit(code)}. The end of {self._log}:\n{self._tail()}"
                )
            pause = min(_FIRST_PAUSE_SECONDS * 2.0 ** min(short_lives, 10), _LONGEST_PAUSE_SECONDS)
            self._console.notice(
                f"{self._program.name} {describe_exit(code)}; restarting it in {pause:g} s"
            )
            await wait_at_most(self._stopping, pause)

    async def _run_once(self) -> tuple[int, bool]:
        """The exit code of one process, and whether it became ready."""
        program = self._program
        process = await asyncio.create_subprocess_exec(
            *program.command,
            cwd=ROOT,
            env=dict(program.environment),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            # Ctrl-C reaches only the runner, which stops the programs in order.
            start_new_session=True,
        )
        self._process = process
        # For users who want to kill the process themselves.
        self._pid_file.write_text(f"{process.pid}\n")
        if self._stopping.is_set():  # since the process was being created
            process.terminate()
        became_ready = asyncio.Event()
        watch = asyncio.create_task(self._watch_ready(became_ready))
        try:
            await self._copy_output(process)
            code = await process.wait()
        finally:
            self._ready = False
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch
            if process.stdin is not None:
                process.stdin.close()
            # Another process may soon have this id.
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
            self._console.notice(f"{self._program.name} is ready again")
        became_ready.set()
        self._ready = True
        self.first_ready.set()

    async def _copy_output(self, process: asyncio.subprocess.Process) -> None:
        """To the log, and line by line to the console."""
        if process.stdout is None:
            return
        rest = b""
        with self._log.open("ab") as log:
            # In chunks, since a line may have any length.
            while chunk := await process.stdout.read(_CHUNK_BYTES):
                log.write(chunk)
                log.flush()
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._console.program_line(
                        self._program.name, line.decode(errors="replace").rstrip()
                    )
                rest = rest[-_CHUNK_BYTES:]

    def _tail(self) -> str:
        with suppress(OSError):
            content = self._log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace")
            return "\n".join(f"    {line}" for line in content.strip().splitlines()[-15:])
        return "    (nothing)"


def describe_exit(code: int) -> str:
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
