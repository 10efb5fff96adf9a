"""Options of a command: from flags, else BOOKSTORE_DEPLOY_NAME, else one TOML file, else defaults.

One file serves all commands, so a key that another command reads is allowed; a key that none reads
is an error. All errors are reported at once, each with the flag, variable or key that it is about.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from cyclopts import App, CycloptsError, Parameter, Token
from cyclopts.argument import Argument, ArgumentCollection
from cyclopts.exceptions import CoercionError, MissingArgumentError, UnusedCliTokensError

from knative.ops.cli.console import Console
from knative.ops.cli.errors import WrongOptions, listed
from knative.ops.cli.invocation import command
from knative.ops.cli.options import ALL_OPTIONS, ROOT, Options, option_name

PREFIX = "BOOKSTORE_DEPLOY_"
SETTINGS = ROOT / "knative" / "deploy.toml"

_BOOLEANS = {"on": "true", "off": "false", "": "false"}
"""Texts besides those of cyclopts (true, yes, 1 and their opposites)."""
_Kind = TypeVar("_Kind", bound=Options)


def parse(
    kind: type[_Kind],
    arguments: Sequence[str] | None,
    environ: Mapping[str, str],
    console: Console,
) -> _Kind:
    """Raises `WrongOptions`; exits with 0 after `--help`.

    `arguments`: None for those of the process.
    """
    app = App(
        name=command(f"{kind.command} --"),
        default_command=kind,
        help=kind.__doc__,
        help_format="markdown",
        help_epilogue=f"Each option can also be a variable {PREFIX}NAME, or a key of"
        " knative/deploy.toml.",
        version_flags=(),
        config=_Sources(environ),
        default_parameter=Parameter(
            negative_iterable=(), show_default=_shown_default, allow_repeating=True
        ),
        result_action="return_value",
    )
    app["--help"].group = app.group_parameters
    try:
        found = app(arguments, console=console.for_help(), print_error=False, exit_on_error=False)
    except CycloptsError as error:
        raise WrongOptions(
            f"{_message(error)}\nSee {command(f'{kind.command} -- --help')}"
        ) from error
    if found is None:
        raise SystemExit(0)
    options: _Kind = found
    return options


@dataclass(frozen=True)
class _Sources:
    """Environment and file, as a configuration source of cyclopts; and every error at once."""

    environ: Mapping[str, str]

    def __call__(self, app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        problems = list(_unknown_variables(self.environ))
        path = _settings_file(arguments, self.environ)
        source = str(path or SETTINGS)
        file = _read_file(path or SETTINGS, required=path is not None, problems=problems)
        problems += [
            f"{name}: no such setting in {source}" for name in sorted(set(file) - _names())
        ]
        for argument in arguments:
            name = argument.name.lstrip("-").replace("-", "_")
            variable = f"{PREFIX}{name.upper()}"
            if argument.tokens or name not in _names():
                continue
            if text := self.environ.get(variable):
                _add(argument, [text], variable, "environment")
            elif name in file:
                try:
                    _add(argument, list(_texts(file[name], argument.hint)), name, source)
                except TypeError as error:
                    problems.append(f"{name} in {source}: {error}")
        problems += _invalid(arguments)
        if problems:
            raise CycloptsError(msg=listed("These options cannot be used:", problems))


def _names() -> set[str]:
    """Options that may come from the environment or the file, of all commands."""
    return {
        option_name(each.name).replace("-", "_")
        for kind in ALL_OPTIONS
        for each in fields(kind)
        if each.kw_only
    } - {"settings"}


def _settings_file(arguments: ArgumentCollection, environ: Mapping[str, str]) -> Path | None:
    """The file that a flag or variable names; None for the default one, which may be missing."""
    tokens = arguments["--settings"].tokens
    path = tokens[-1].value if tokens else environ.get(f"{PREFIX}SETTINGS")
    return Path(path) if path else None


def _read_file(path: Path, *, required: bool, problems: list[str]) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if required:
            problems.append(f"{path}: no such file")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problems.append(f"{path}: {error}")
    return {}


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    known = {PREFIX + name.upper() for name in (*_names(), "settings")}
    for variable in sorted(environ):
        if variable.startswith(PREFIX) and variable not in known:
            yield f"{variable}: no such variable"


def _texts(value: object, hint: object) -> Iterator[str]:
    """A value of TOML as flags would give it. Raises TypeError."""
    if isinstance(value, dict):
        yield from (f"{name}={each}" for name, each in value.items())
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each, str)
    elif isinstance(value, str):
        yield value
    elif hint in {int, bool} and isinstance(value, int | float):
        yield str(value).lower()
    else:
        raise TypeError(f"{value!r} must be a string, in quotes")


def _add(argument: Argument, values: Sequence[str], keyword: str, source: str) -> None:
    for index, value in enumerate(values):
        if argument.hint is bool:
            value = _BOOLEANS.get(value.lower(), value)
        argument.append(Token(keyword=keyword, value=value, source=source, index=index))


def _invalid(arguments: ArgumentCollection) -> Iterator[str]:
    for argument in arguments:
        try:
            argument.convert_and_validate()
        except CycloptsError as error:
            error.argument = error.argument or argument
            yield _message(error)


def _message(error: CycloptsError) -> str:
    """cyclopts' own, but for a value without a flag, which it names by a flag or not at all."""
    error.verbose = False
    if isinstance(error, UnusedCliTokensError):
        return f"Unexpected argument: {' '.join(error.unused_tokens or ())}"
    if error.argument is None or not error.argument.field_info.is_positional:
        return str(error)
    name = error.argument.name.lstrip("-").upper()
    if isinstance(error, MissingArgumentError) and not error.argument.tokens:
        return f"{name} is missing."
    if isinstance(error, CoercionError) and error.msg and error.token and not error.token.keyword:
        return f"Invalid value for {name}: {error}"
    return str(error)


def _shown_default(value: object) -> object:
    """An option that is off or empty by default says so in its help, where that matters."""
    return value or None
