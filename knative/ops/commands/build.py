"""`nox -s build`: one image for each service, by whichever builder is there.

`-- --push` sends them to `--registry` and records their digests, which deploy then uses.
The recipe is `functions/Dockerfile`; how each builder is called is in `builders.py`.
"""

import sys

from knative.ops.cli.errors import OpsError, WrongOptions
from knative.ops.cli.option_list import SERVICES
from knative.ops.cli.options import ROOT, read
from knative.ops.cli.session import Session, run
from knative.ops.image import Image
from knative.ops.manifests import builders, images
from knative.ops.manifests.builders import Recipe

DOCKERFILE = ROOT / "functions" / "Dockerfile"
LOCAL_PREFIX = "bookstore"
"""The prefix of images that stay on this machine: the name in the manifests."""

NAMES = ("registry", "tag", "builder", "platform", "push")


def build(session: Session) -> int:
    options = read("build", NAMES, "Builds the images.", session.arguments, session.environ)
    runner, console = session.runner, session.console
    registry = options.text("registry")
    if options.flag("push") and not registry:
        raise WrongOptions("Push where to? Give --registry.")
    tag = options.text("tag") or images.git_tag(runner)
    builder = builders.choose(runner, options.text("builder"))
    if options.flag("push") and tag.endswith("-dirty"):
        console.warn(f"{tag}: this tree holds changes that are not committed")
    done: dict[str, Image] = {}
    for service in SERVICES:
        image = Image(f"{registry or LOCAL_PREFIX}/{service}", tag)
        console.heading(f"{image} with {builder.program}")
        recipe = Recipe(
            str(image),
            DOCKERFILE,
            {"SERVICE": service, "VERSION": tag, "REVISION": _commit(session)},
            {},
            options.many("platform"),
        )
        digest = builder.build(recipe, push=options.flag("push"))
        done[service] = Image(image.name, tag, digest)
        if digest:
            # After each: what was pushed is known, also if the next one fails.
            images.record({service: done[service]}, images.RECORD)
    console.heading("Images")
    for image in done.values():
        console.say(f"  {image}")
    return 0


def _commit(session: Session) -> str:
    try:
        return session.runner.run(["git", "rev-parse", "HEAD"], cwd=ROOT).stdout.strip()
    except OpsError:
        return "unknown"


if __name__ == "__main__":
    sys.exit(run(build))
