"""Records what the standard library compiles at import, and looks it up at later starts.

`dataclasses` and `collections` generate methods as text and run them by `exec` and `eval`, which
compile the text each time. `re` translates a pattern into a program for its engine in C. Neither
has a public hook, so this module replaces the functions that they call: a global `exec` or `eval`
in their modules, and `re._compiler.compile`. The tests check that they still call these.
"""

import builtins
from collections.abc import Callable
from functools import partial
from importlib import import_module
from types import CodeType, ModuleType
from typing import Any, NamedTuple

WRITERS = (("dataclasses", "exec"), ("collections", "eval"))
"""Modules that generate text, and the function that runs it, which is also `compile`'s mode."""

Program = tuple[int, list[int], int, dict[str, int], tuple[str | None, ...]]
"""The arguments of `_sre.compile` after the pattern: flags, code, number of groups, index of each
group by name, and names by index."""


class Compiled(NamedTuple):
    texts: dict[str, CodeType]
    patterns: dict[tuple[str | bytes, int], Program]
    """By pattern and flags."""

    def clear(self) -> None:
        """Remove everything, which frees a megabyte. Afterwards everything is compiled again."""
        self.texts.clear()
        self.patterns.clear()


def look_up(compiled: Compiled) -> None:
    """Install functions that use the recorded results."""
    for name, mode in WRITERS:
        vars(import_module(name))[mode] = partial(_run, getattr(builtins, mode), compiled.texts)
    compiler, engine = import_module("re._compiler"), import_module("_sre")
    make = partial(_make, engine.compile, compiler.compile, compiled.patterns)
    vars(compiler)["compile"] = make


def _run(
    run: Callable[..., Any], texts: dict[str, CodeType], text: str, *names: dict[str, Any]
) -> Any:
    return run(texts.get(text, text), *names)


def _make(
    make: Callable[..., Any],
    translate: Callable[..., Any],
    programs: dict[tuple[str | bytes, int], Program],
    pattern: str | bytes,
    flags: int = 0,
) -> Any:
    program = programs.get((pattern, flags))
    return make(pattern, *program) if program is not None else translate(pattern, flags)


def record() -> Compiled:
    """Install functions that record each result; returns the record, which grows from now on."""
    compiled = Compiled({}, {})
    for name, mode in WRITERS:
        vars(import_module(name))[mode] = partial(_compile_and_run, compiled.texts, mode)
    compiler, engine = import_module("re._compiler"), import_module("_sre")
    programs: list[Program] = []
    recording = ModuleType("_sre")
    vars(recording).update(vars(engine), compile=partial(_note, engine.compile, programs))
    translate = compiler.compile

    def noted(pattern: str | bytes, flags: int = 0) -> Any:
        made, program = translate(pattern, flags), programs.pop()
        if type(pattern) in {str, bytes}:  # not a subclass
            compiled.patterns[pattern, int(flags)] = program
        return made

    vars(compiler).update(_sre=recording, compile=noted)
    return compiled


def _compile_and_run(
    texts: dict[str, CodeType], mode: str, text: str, *names: dict[str, Any]
) -> Any:
    texts[text] = compile(text, "<string>", mode, dont_inherit=True)
    return getattr(builtins, mode)(texts[text], *names)


def _note(
    make: Callable[..., Any],
    programs: list[Program],
    pattern: str | bytes,
    flags: int,
    code: list[int],
    *groups: Any,
) -> Any:
    # marshal cannot write the named integer constants of `re`.
    programs.append((int(flags), [int(each) for each in code], *groups))
    return make(pattern, flags, code, *groups)
