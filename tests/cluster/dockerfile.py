"""`functions/Dockerfile`, executed without a container engine.

Its own COPY, RUN, ENV and CMD lines are executed, each stage in a folder that takes the place of
the image's root. Only the base image is this machine's Python, and uv does pip's work from its
cache. It does not build an image: there are no layers, and no other user while building.
"""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from dockerfile_parse import DockerfileParser

from tests.cluster.manifests import ROOT

DOCKERFILE = ROOT / "functions" / "Dockerfile"
FOLDERS = ("app", "build", "extra", "site", "tools")
"""Of an image's root: those that the Dockerfile's commands name."""


def pinned_image() -> str:
    """The base image of all stages."""
    arguments = (rest.partition("=") for word, rest in instructions() if word == "ARG")
    (pinned,) = (value for name, _, value in arguments if name == "PYTHON_IMAGE")
    return pinned


def python_of_the_image() -> str | None:
    """A Python of the base image's version on this machine, if there is one."""
    version = re.findall(r":(\d+\.\d+)", pinned_image())[0]
    name = f"python{version}"
    places = Path.home().glob(f".pyenv/versions/{version}.*/bin/{name}")
    for each in (shutil.which(name), *map(str, sorted(places))):
        # A program of that name may only print how to install it.
        if each and subprocess.run([each, "-V"], capture_output=True, check=False).returncode == 0:  # noqa: S603
            return each
    return None


@cache
def instructions() -> list[tuple[str, str]]:
    """Word and value of every instruction, with continued lines joined."""
    parser = DockerfileParser(fileobj=io.BytesIO(DOCKERFILE.read_bytes()))
    return [
        (each["instruction"], each["value"])
        for each in parser.structure
        if each["instruction"] != "COMMENT"
    ]


@dataclass
class Stage:
    root: Path
    folder: str = "/"
    environment: dict[str, str] = field(default_factory=dict)
    labels: str = ""
    user: str = ""
    command: list[str] = field(default_factory=list)
    python: str = sys.executable
    """The Python that it was built with, and is started with."""

    def path(self, text: str) -> Path:
        return self.root / (text if text.startswith("/") else f"{self.folder}/{text}").lstrip("/")

    def variables(self) -> dict[str, str]:
        """The environment, with its paths below the stage's folder."""
        return {
            name: ":".join(
                str(self.path(part)) if part.startswith("/") else part for part in value.split(":")
            )
            for name, value in self.environment.items()
        }


def shim(folder: Path, python: str) -> Path:
    """A new folder for PATH in which `python` runs this program with its options."""
    path = folder / "bin"
    path.mkdir()
    program = path / "python"
    program.write_text(f'#!/bin/sh\nexec {python} "$@"\n')
    program.chmod(0o755)
    return path


def build(folder: Path, arguments: Mapping[str, str], python: str = sys.executable) -> Stage:
    """The last stage; it and those that it needs are built in `folder`, which must be empty.

    `python` takes the place of the base image's: packages and code cache are for its version.
    """
    # -S leaves out the site-packages of this machine.
    shim(folder, f"{python} -S")
    known = dict(arguments)
    stages: dict[str, Stage] = {}
    needed, building = _needed(), True
    current = Stage(folder / "nothing")
    for word, rest in instructions():
        # Only what an ARG names; other variables are the shell's.
        text = re.sub(r"\$\{(\w+)\}", lambda found: known.get(found[1], ""), rest)
        if word == "ARG":
            name, _, default = text.partition("=")
            known.setdefault(name, default)
        elif word == "FROM":
            base, _, name = text.partition(" AS ")
            building = name in needed
            if building:
                current = stages[name] = _begin(folder / name, stages.get(base), python)
        elif building:
            _execute(stages, current, word, rest if word == "CMD" else text, known)
    return current


def _needed() -> set[str]:
    """Names of the last stage and of those that it is built from."""
    sources: dict[str, set[str]] = {}
    name = ""
    for word, rest in instructions():
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            sources[name] = {base}
        elif word == "COPY" and rest.startswith("--from="):
            sources[name].add(rest.split()[0].removeprefix("--from="))
    found, open_ = set[str](), {name}
    while open_:
        found |= open_
        open_ = {each for one in open_ for each in sources[one] if each in sources} - found
    return found


def _execute(
    stages: Mapping[str, Stage], stage: Stage, word: str, text: str, known: Mapping[str, str]
) -> None:
    match word:
        case "COPY":
            _copy(stages, stage, text.split())
        case "RUN":
            _run(stage, text, known)
        case "ENV":
            stage.environment.update(re.findall(r"(\w+)=(\S+)", text))
        case "WORKDIR":
            stage.folder = text
            stage.path(".").mkdir(parents=True, exist_ok=True)
        case "USER":
            stage.user = text
        case "LABEL":
            stage.labels = text
        case "CMD":
            stage.command = json.loads(text)


def _begin(root: Path, base: Stage | None, python: str) -> Stage:
    if base is None:
        root.mkdir()
        return Stage(root, python=python)
    shutil.copytree(base.root, root)
    return Stage(root, base.folder, dict(base.environment), python=python)


def _copy(stages: Mapping[str, Stage], stage: Stage, words: list[str]) -> None:
    origin = ROOT
    if words[0].startswith("--from="):
        origin = stages[words.pop(0).removeprefix("--from=")].root
    *sources, target = words
    for source in sources:
        found, goal = origin / source.lstrip("/"), stage.path(target)
        if found.is_dir():
            # As .dockerignore, which does not apply to other stages.
            left_out = shutil.ignore_patterns("__pycache__", ".*") if origin == ROOT else None
            shutil.copytree(found, goal, dirs_exist_ok=True, ignore=left_out)
        else:
            goal = goal / found.name if target.endswith((".", "/")) else goal
            goal.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(found, goal)


def _run(stage: Stage, text: str, known: Mapping[str, str]) -> None:
    here = re.sub(rf"(?<![\w/.])/({'|'.join(FOLDERS)})\b", rf"{stage.root}/\1", text)
    if here.startswith("pip install"):
        _install(here.split()[2:], stage)
        return
    subprocess.run(  # noqa: S603 - the Dockerfile is ours
        ["/bin/sh", "-c", here],
        cwd=stage.path("."),
        env={
            "PATH": f"{stage.root.parent / 'bin'}:/usr/bin:/bin",
            **stage.variables(),
            **known,
        },
        check=True,
    )


def _install(options: list[str], stage: Stage) -> None:
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert uv is not None, "uv is among the development requirements"
    options = [each for each in options if each != "--no-compile"]
    install = [uv, "pip", "install", "--quiet", "--python", stage.python, *options]
    # Most packages are in uv's cache already.
    for offline in (["--offline"], []):
        done = subprocess.run(  # noqa: S603 - uv, with the Dockerfile's options
            [*install, *offline], cwd=stage.path("."), capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            return
    raise AssertionError(done.stderr)
