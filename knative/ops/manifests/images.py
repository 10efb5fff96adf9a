"""Which image each service runs: prefix and tag, and the digest where `build` has recorded one."""

import json
from collections.abc import Mapping
from pathlib import Path

from knative.ops.cli.errors import OpsError, WrongOptions
from knative.ops.cli.option_list import SERVICES
from knative.ops.cli.options import ROOT, Options
from knative.ops.cli.runner import Runner
from knative.ops.image import Image

RECORD = ROOT / "knative" / ".images.json"
"""Written by `build --push`, read by `deploy`; not in git."""


def git_tag(runner: Runner) -> str:
    """What `git describe` calls this tree, `-dirty` where it holds what was not committed."""
    try:
        result = runner.run(
            ["git", "describe", "--tags", "--always", "--dirty", "--abbrev=12"], cwd=ROOT
        )
    except OpsError as error:
        raise WrongOptions(f"No tag can be made from git: {error}\nGive one with --tag.") from error
    return result.stdout.strip().replace("+", "-")


def recorded(path: Path = RECORD) -> dict[str, Image]:
    try:
        found = json.loads(path.read_text("utf-8"))
        return {service: Image(**image) for service, image in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise WrongOptions(
            f"{path} cannot be read: {error}. Delete it, and build again."
        ) from error


def record(images: Mapping[str, Image], path: Path = RECORD) -> None:
    """Add to the record; the file is whole at every moment."""
    known = recorded(path) | dict(images)
    text = json.dumps({name: vars(image) for name, image in sorted(known.items())}, indent=2)
    beside = path.with_suffix(".tmp")
    beside.write_text(text + "\n", "utf-8")
    beside.replace(path)


def chosen(options: Options, runner: Runner, path: Path = RECORD) -> dict[str, Image]:
    """The images to deploy; none for a service that the overlay names an image for."""
    whole = {name: Image.parse(text) for name, text in options.pairs("image").items()}
    known = recorded(path)
    registry, tag = options.text("registry"), options.text("tag")
    found = {}
    for service in SERVICES:
        if service in whole:
            found[service] = whole[service]
        elif registry:
            tag = tag or git_tag(runner)
            last = known.get(service)
            name = f"{registry}/{service}"
            same = last is not None and (last.name, last.tag) == (name, tag)
            found[service] = last if same and last is not None else Image(name, tag)
        elif service in known and (not tag or tag == known[service].tag):
            found[service] = known[service]
    return found
