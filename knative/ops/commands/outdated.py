"""`nox -s outdated`: which parts of the platform have a newer release than `versions.toml` pins.

Exit code 1 where one has, so that a scheduled run shows it. It asks GitHub's API, with the token in
`GH_TOKEN` if there is one: without it an address gets 60 answers an hour.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from urllib.request import Request, urlopen

from knative.ops.cli.errors import OpsError, WrongOptions
from knative.ops.cli.session import Session, run
from knative.ops.cli.versions import Part, parsed, pins

_RELEASES = re.compile(r"https://github\.com/([^/]+/[^/]+)/releases/")
_TIMEOUT = 30.0
"""Seconds."""


def outdated(session: Session) -> int:
    if session.arguments in (["--help"], ["-h"]):
        session.console.print(__doc__)
        return 0
    if session.arguments:
        raise WrongOptions("outdated takes no options.")
    rows = []
    for part, repository in on_github(pins().parts):
        latest = _latest(repository, session.environ)
        if parsed(latest) > parsed(part.version):
            rows.append((part.name, f"{part.version} -> {latest}, github.com/{repository}"))
    if not rows:
        session.console.print("Every part of the platform is the newest release.")
        return 0
    session.console.heading("newer releases")
    session.console.table(rows)
    return 1


def on_github(parts: tuple[Part, ...]) -> Iterator[tuple[Part, str]]:
    """Each part that is released on GitHub, with its repository."""
    for part in parts:
        if part.repository:
            yield part, part.repository
        elif part.urls and (match := _RELEASES.match(part.urls[0])):
            yield part, match[1]


def _latest(repository: str, environ: Mapping[str, str]) -> str:
    """The tag of the newest release that is no prerelease. Raises `OpsError`."""
    headers = {"accept": "application/vnd.github+json"}
    if token := environ.get("GH_TOKEN"):
        headers["authorization"] = f"Bearer {token}"
    url = f"https://api.github.com/repos/{repository}/releases/latest"
    try:
        with urlopen(Request(url, headers=headers), timeout=_TIMEOUT) as answer:
            return str(json.load(answer)["tag_name"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OpsError(f"The releases of {repository} cannot be read: {error}") from error


if __name__ == "__main__":
    sys.exit(run(outdated))
