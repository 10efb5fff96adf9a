"""Command-line options, parsed by cyclopts into one frozen dataclass a command.

A value comes from the command line (the last one, if it is given several times), else from the
environment, else from the command's table in a TOML file, else it is the field's default. An empty
environment variable counts as not set; an empty value elsewhere is an error, because it comes from
a variable of the shell that has none (`--data "$FOLDER"`). The docstring under a field is its help
text.
"""

import math
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

from cyclopts import UNSET, App, CycloptsError, Group, Parameter
from cyclopts.argument import ArgumentCollection
from cyclopts.config import Dict
from cyclopts.exceptions import UnusedCliTokensError

Options = TypeVar("Options")

USAGE_ERROR = 2
"""The exit code for unknown options and invalid values."""


def parse(
    kind: type[Options],
    program: str,
    summary: str,
    arguments: Sequence[str] | None = None,
    *,
    file: Path | None = None,
    table: str = "",
    translated: Callable[[str], str] = str,
) -> Options:
    """The options of a command; `arguments` are those of this process unless given.

    `program` is how the command is typed; `translated` puts a message into the user's language.
    Exits with 0 after `--help`, and with 2 and a message on standard error for an unknown option or
    an invalid value, wherever it was set.
    """
    group = Group("Options")
    app = App(
        name=program,
        help=summary,
        help_format="markdown",
        help_epilogue=f"Your own defaults go into the table [{table}] of {file.name}."
        if file
        else None,
        version_flags=(),
        group_commands=group,
        group_parameters=group,
        default_parameter=Parameter(
            show_default=False, allow_repeating=True, env_var_split=_split_environment
        ),
        config=[
            *([Dict(data=_read(file, program), source=str(file), root_keys=table)] if file else []),
            _refuse_empty,
        ],
        result_action="return_value",
    )
    app.default(kind)
    tokens = sys.argv[1:] if arguments is None else list(arguments)
    try:
        options = app(tokens, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        fail(program, _explain(error), translated)
    if not isinstance(options, kind):  # cyclopts has printed the help
        sys.exit(0)
    return options


def fail(program: str, problem: str, translated: Callable[[str], str] = str) -> NoReturn:
    """Ends the process with 2 and a message that says where the options are listed."""
    for message in (problem, f"`{program} --help` lists the options."):
        sys.stderr.write(f"{translated(message)}\n")
    sys.exit(USAGE_ERROR)


def _read(file: Path, program: str) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:  # TOMLDecodeError is a ValueError
        fail(program, f"{file} cannot be read: {error}")


def _explain(error: CycloptsError) -> str:
    if isinstance(error, UnusedCliTokensError):
        return f"Unexpected argument: {' '.join(error.unused_tokens or ())}"
    return str(error)


def _refuse_empty(_: App, __: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Raises CycloptsError for a value of no characters; a flag has none, and no text either."""
    for argument in arguments:
        for token in argument.tokens:
            if token.value == "" and token.implicit_value is UNSET:
                name = token.keyword or argument.name
                raise CycloptsError(msg=f"The value of {name} is empty.")


def _split_environment(_: Any, value: str, *, delimiter: str | None = None) -> list[str]:
    """No value at all for a variable that is set to nothing."""
    return [value] if value else []


def _require_seconds(_: Any, value: float | None) -> None:
    if value is not None and not (value > 0 and math.isfinite(value)):
        raise ValueError("Must be a number of seconds above 0.")


Seconds = Annotated[float, Parameter(validator=_require_seconds)]
