"""`knative/versions.toml`: the parts of the platform and their pinned versions."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from knative.ops.cli.options import ROOT

FILE = ROOT / "knative" / "versions.toml"

Version = tuple[int, ...]


@dataclass(frozen=True)
class Part:
    name: str
    version: str
    namespace: str
    deployments: tuple[str, ...] = ()
    crds: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    repository: str = ""
    """Where it is released, OWNER/NAME on GitHub; empty where its release files say so."""
    folder: str = ""
    """A kustomization of ours, from the root of the repository; applied after the release files."""
    available: tuple[str, ...] = ()
    """Objects whose condition `Available` is awaited: their operator makes the pods later."""
    only: str = ""
    """The overlay that needs it; empty where all do."""
    group: str = ""
    """Installed by `--with GROUP` only; empty where always."""

    @property
    def is_installed_here(self) -> bool:
        """Whether `platform` installs it, and not the cluster's own tool."""
        return bool(self.urls or self.folder)

    @property
    def addresses(self) -> list[str]:
        """URLs of its release files."""
        return [url.format(version=self.version) for url in self.urls]


@dataclass(frozen=True)
class Setting:
    """Values in a ConfigMap of the platform."""

    namespace: str
    configmap: str
    data: Mapping[str, str]
    """In a value, `{namespace}` is that of the shop."""
    group: str = ""
    """As of a part."""

    def of_shop(self, namespace: str) -> "Setting":
        """The setting for a shop in this namespace."""
        data = {key: value.format(namespace=namespace) for key, value in self.data.items()}
        return replace(self, data=data)


@dataclass(frozen=True)
class Pins:
    kubernetes: str
    """The oldest minor version."""
    tools: Mapping[str, str]
    parts: tuple[Part, ...]
    """In the order of installation."""
    settings: tuple[Setting, ...]


def pins(path: Path = FILE) -> Pins:
    read = tomllib.loads(path.read_text("utf-8"))
    return Pins(
        kubernetes=read["kubernetes"]["minimum"],
        tools=read["tools"],
        parts=tuple(
            Part(**{key: _frozen(value) for key, value in part.items()}) for part in read["parts"]
        ),
        settings=tuple(Setting(**setting) for setting in read.get("settings", ())),
    )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def parsed(text: str) -> Version:
    """The numbers of `v1.34.2-eks-1`, `knative-v1.23.0` or `1.36+`; () where there are none."""
    match = re.search(r"\d+(\.\d+)*", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def minor(text: str) -> Version:
    return parsed(text)[:2]
