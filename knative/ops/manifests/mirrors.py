"""Copies of release files and images, for clusters without access to the internet.

A mirror replaces a host. `github.com` serves the release files of the platform, the other hosts
serve the images that these files name.
"""

import re
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knative.ops.cli.errors import OpsError
from knative.ops.objects import Object

RELEASES = "github.com"
DEFAULT_REGISTRY = "docker.io"
"""The registry of an image whose name has no host."""

_EXAMPLE = "_example"
"""A key of Knative's ConfigMaps whose text must not change: Knative's webhook checks it."""
_TIMEOUT = 60.0


@dataclass(frozen=True)
class Mirrors:
    prefixes: Mapping[str, str]
    """The mirrors by host: a registry and path, or for `github.com` a URL or a folder."""

    @property
    def registries(self) -> dict[str, str]:
        return {host: prefix for host, prefix in self.prefixes.items() if host != RELEASES}

    def release(self, url: str) -> str:
        """The URL or path of a release file."""
        prefix = self.prefixes.get(RELEASES)
        if prefix is None:
            return url
        if "://" not in prefix and not prefix.startswith(("/", ".")):
            prefix = f"https://{prefix}"
        return url.replace(f"https://{RELEASES}", prefix.rstrip("/"), 1)

    def rewrite(self, items: list[Object]) -> None:
        """Replace the host of every image by its mirror, in place. Images in arguments, variables
        and settings are included, because controllers create pods from them."""
        hosts = "|".join(map(re.escape, self.registries))
        pattern = re.compile(rf"(?<![\w./-])({hosts})/(?=\w)")

        def rewritten(value: Any, key: str = "") -> Any:
            if isinstance(value, str) and key != _EXAMPLE:
                text = _with_host(value) if key == "image" else value
                return pattern.sub(lambda found: f"{self.registries[found[1]]}/", text)
            if isinstance(value, dict):
                return {name: rewritten(each, name) for name, each in value.items()}
            if isinstance(value, list):
                return [rewritten(each) for each in value]
            return value

        items[:] = [rewritten(each) for each in items]


def _with_host(image: str) -> str:
    """`envoyproxy/envoy:v1` is `docker.io/envoyproxy/envoy:v1`."""
    first, slash, _ = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return image
    return f"{DEFAULT_REGISTRY}/{image}" if slash else f"{DEFAULT_REGISTRY}/library/{image}"


def read(source: str) -> str:
    """A release file by its URL, or its path. Raises `OpsError`."""
    try:
        if not source.startswith(("https://", "http://")):
            return Path(source).read_text("utf-8")
        with urllib.request.urlopen(source, timeout=_TIMEOUT) as response:  # noqa: S310 - see above
            text: str = response.read().decode("utf-8")
            return text
    except (OSError, UnicodeDecodeError) as error:
        raise OpsError(f"{source} cannot be read: {error}") from error
