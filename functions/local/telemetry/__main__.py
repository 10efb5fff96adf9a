"""`python -m functions.local.telemetry`: the receiver as a process of its own."""

import logging
import signal
import sys
from dataclasses import dataclass
from typing import Annotated

import uvicorn
from cyclopts import Parameter
from cyclopts.validators import Number

from functions.local.broker.command_line import parse
from functions.local.telemetry.app import App

PROGRAM = "python -m functions.local.telemetry"


@dataclass(frozen=True, kw_only=True)
class ReceiverOptions:
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, Parameter(validator=Number(gte=1, lte=65_535))] = 5007
    """Port to listen on."""


def main(arguments: list[str] | None = None) -> int:
    summary = "A receiver of traces and metrics for one machine, with pages that show them."
    options = parse(ReceiverOptions, PROGRAM, summary, arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    # uvicorn re-raises the signal that stopped it; without this the exit code would not be 0.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    config = uvicorn.Config(
        App(),
        host=options.host,
        port=options.port,
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    server.run()
    return 0 if server.started else 3


if __name__ == "__main__":
    sys.exit(main())
