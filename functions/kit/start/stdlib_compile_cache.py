"""What the standard library compiles while modules are imported: recorded once, then looked up.

`dataclasses` and `collections` write methods as text, which they have run by `exec` and `eval`: to
run a text is to compile it and to run that. `re` translates a pattern into a program for its engine
in C. There is no public place for either to come from elsewhere, so a function of ours stands in
theirs: by its name in their module, found by test to be the one they call.
Next file: `code_cache_builder`.
"""

import builtins
from collections.abc import Callable
from functools import partial
from importlib import import_module
from types import CodeType, ModuleType
from typing import Any, NamedTuple

WRITERS = (("dataclasses", "exec"), ("collections", "eval"))
"""Who writes text, and what it has it run by; `compile` calls that the mode."""

Program = tuple[int, list[int], int, dict[str, int], tuple[str | None, ...]]
"""What the engine is given of a pattern: flags, code, number of groups, groups by name and back."""


class Compiled(NamedTuple):
    texts: dict[str, CodeType]
    patterns: dict[tuple[str | bytes, int], Program]
    """By pattern and flags."""

    def forget(self) -> None:
        """Compile as ever from here on; a megabyte is free again."""
        self.texts.clear()
        self.patterns.clear()


def look_up(compiled: Compiled) -> None:
    """From here on what is known is not compiled again."""
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
    """What fills, from here on, with all that is compiled."""
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
        if type(pattern) in {str, bytes}:  # no kind of text of somebody's own
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
    # Its constants are numbers with names, which cannot be written to a file.
    programs.append((int(flags), [int(each) for each in code], *groups))
    return make(pattern, flags, code, *groups)
