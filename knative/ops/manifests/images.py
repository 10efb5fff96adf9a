"""The image of each service: prefix and tag, and the digest where `build` has recorded one."""

import json
from collections.abc import Mapping
from pathlib import Path

from knative.ops.cli.errors import OpsError, WrongOptions
from knative.ops.cli.options import ROOT, RenderOptions
from knative.ops.cli.runner import Runner
from knative.ops.cli.values import SERVICES
from knative.ops.image import Image

RECORD = ROOT / "knative" / ".images.json"
"""Written by `build --push`, read by `deploy`; not in git."""


def git_tag(runner: Runner) -> str:
    """`git describe`; it ends in `-dirty` where changes are not committed."""
    try:
        result = runner.run(
            ["git", "describe", "--tags", "--always", "--dirty", "--abbrev=12"], cwd=ROOT
        )
    except OpsError as error:
        raise WrongOptions(f"git gives no tag: {error}\nGive one with --tag.") from error
    return result.stdout.strip().replace("+", "-")


def recorded(path: Path = RECORD) -> dict[str, Image]:
    """By service. Raises `WrongOptions` where the file cannot be read."""
    try:
        found = json.loads(path.read_text("utf-8"))
        return {
            service: Image(**{**image, "platforms": tuple(image.get("platforms", ()))})
            for service, image in found.items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise WrongOptions(
            f"{path} cannot be read: {error}. Delete it, and build again."
        ) from error


def record(images: Mapping[str, Image], path: Path = RECORD) -> None:
    """Add to the record, atomically."""
    known = recorded(path) | dict(images)
    text = json.dumps({name: vars(image) for name, image in sorted(known.items())}, indent=2)
    beside = path.with_suffix(".tmp")
    beside.write_text(text + "\n", "utf-8")
    beside.replace(path)


def chosen(options: RenderOptions, runner: Runner, path: Path = RECORD) -> dict[str, Image]:
    """The images to deploy; none for a service whose image the overlay names."""
    whole = {name: Image.parse(text) for name, text in options.image.items()}
    known = recorded(path)
    registry, tag = options.registry, options.tag
    found = {}
    for service in SERVICES:
        last = known.get(service)
        if service in whole:
            found[service] = whole[service]
        elif registry:
            tag = tag or git_tag(runner)
            named = Image(f"{registry}/{service}", tag)
            same = last is not None and (last.name, last.tag) == (named.name, named.tag)
            found[service] = last if last is not None and same else named
        elif last is not None and tag in {"", last.tag}:
            found[service] = last
    return found
