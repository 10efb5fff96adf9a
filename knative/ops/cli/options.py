"""Every option of every command: a flag, a variable BOOKSTORE_DEPLOY_NAME, a key in one file.

The nearest wins: flag, environment, `knative/deploy.toml`, default. One file serves all commands,
so a key that a command does not use is no mistake; a key that none uses is. All that is wrong is
said at once. What each option means for the objects is in `render.py` and `transforms.py`.
"""

import argparse
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knative.ops.cli.errors import WrongOptions, listed
from knative.ops.cli.option_list import OPTIONS, POSITIONALS, Kind, Option

ROOT = Path(__file__).parents[3]
PREFIX = "BOOKSTORE_DEPLOY_"
SETTINGS = ROOT / "knative" / "deploy.toml"
DEFAULT_NAMESPACE = "bookstore"
"""The namespace of the base; its manifests also name it inside of addresses."""


@dataclass(frozen=True)
class Options:
    """The values, by the names of `OPTIONS`; an option that a command does not have is refused."""

    values: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def text(self, name: str) -> str:
        value: str = self.values[name]
        return value

    def flag(self, name: str) -> bool:
        value: bool = self.values[name]
        return value

    def number(self, name: str) -> int:
        value: int = self.values[name]
        return value

    def many(self, name: str) -> list[str]:
        value: list[str] = self.values[name]
        return value

    def pairs(self, name: str) -> dict[str, str]:
        value: dict[str, str] = self.values[name]
        return value


def read(
    command: str,
    names: Sequence[str],
    about: str,
    arguments: Sequence[str] | None,
    environ: Mapping[str, str],
    *,
    positionals: Sequence[str] = (),
) -> Options:
    """Raises `WrongOptions`, whose text names everything that is wrong; exits for --help."""
    parser = _parser(command, names, about, positionals)
    given = vars(parser.parse_args(arguments))
    path = given.pop("settings") or environ.get(f"{PREFIX}SETTINGS")
    problems: list[str] = []
    file = _file(Path(path) if path else SETTINGS, required=bool(path), problems=problems)
    known = {option.name: option for option in OPTIONS}
    problems += [f"{name}: no such setting" for name in sorted(set(file) - set(known))]
    problems += _unknown_variables(known, environ)
    values: dict[str, Any] = {name: given[name] for name in positionals}
    for name in names:
        option = known[name]
        raw, where = _nearest(option, given, environ, file)
        try:
            values[name] = option.parse(raw)
        except ValueError as error:
            problems.append(f"{where}: {error}")
    if problems:
        raise WrongOptions(listed("These options cannot be used:", problems))
    return Options(values)


def _parser(
    command: str, names: Sequence[str], about: str, positionals: Sequence[str]
) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"nox -s {command} --",
        description=about,
        epilog=f"Each option can also be a variable {PREFIX}NAME, or a key of knative/deploy.toml.",
    )
    for name in positionals:
        parser.add_argument(name, **POSITIONALS[name])
    parser.add_argument(
        "--settings", metavar="FILE", help="the file (default: knative/deploy.toml)"
    )
    for option in OPTIONS:
        if option.name in names:
            _add(parser, option)
    return parser


def _add(parser: argparse.ArgumentParser, option: Option) -> None:
    flag = "--" + option.name.replace("_", "-")
    if option.kind is Kind.FLAG:
        parser.add_argument(
            flag, dest=option.name, action=argparse.BooleanOptionalAction, help=option.help
        )
    elif option.kind in {Kind.LIST, Kind.PAIRS}:
        parser.add_argument(
            flag, dest=option.name, action="append", metavar=option.metavar, help=option.help
        )
    else:
        parser.add_argument(flag, dest=option.name, metavar=option.metavar, help=option.help)


def _file(path: Path, *, required: bool, problems: list[str]) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if required:
            problems.append(f"{path}: no such file")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problems.append(f"{path}: {error}")
    return {}


def _unknown_variables(known: Mapping[str, Option], environ: Mapping[str, str]) -> Iterator[str]:
    names = {PREFIX + name.upper() for name in known} | {f"{PREFIX}SETTINGS"}
    for variable in sorted(environ):
        if variable.startswith(PREFIX) and variable not in names:
            yield f"{variable}: no such variable"


def _nearest(
    option: Option,
    given: Mapping[str, Any],
    environ: Mapping[str, str],
    file: Mapping[str, Any],
) -> tuple[Any, str]:
    variable = PREFIX + option.name.upper()
    if given.get(option.name) is not None:
        return given[option.name], "--" + option.name.replace("_", "-")
    if environ.get(variable):
        return environ[variable], variable
    if option.name in file:
        return file[option.name], f"{option.name} in the settings file"
    return option.default, option.name
