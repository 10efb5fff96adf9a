"""The overlay as objects: a kustomization around it, rendered by kustomize, then transformed.

Images, namespace and components are kustomize's own work. What it cannot express is in
`transforms.py`.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from knative.ops.cli import invocation
from knative.ops.cli.errors import OpsError, WrongOptions, listed
from knative.ops.cli.options import ROOT, RenderOptions
from knative.ops.cli.runner import Runner
from knative.ops.image import Image
from knative.ops.manifests import transforms
from knative.ops.objects import Object, objects

OVERLAYS = ROOT / "knative" / "overlays"
COMPONENTS = ROOT / "knative" / "components"
DATABASE_IMAGE = "mysql"
"""The name of the databases' image in the base."""
COLLECTOR_IMAGE = "otel/opentelemetry-collector"
"""The name of the collector's image in the component `observability`."""


def render(options: RenderOptions, chosen: Mapping[str, Image], runner: Runner) -> list[Object]:
    """Every object of the shop, as it is to be applied. Needs no cluster.

    Raises `WrongOptions` where a service has no image, and `CommandFailed` with kustomize's error.
    """
    with tempfile.TemporaryDirectory(prefix="bookstore-deploy-") as name:
        folder = Path(name).resolve()
        text = yaml.safe_dump(kustomization(options, chosen, folder), sort_keys=False)
        (folder / "kustomization.yaml").write_text(text, "utf-8")
        result = runner.run(["kubectl", "kustomize", str(folder)])
    items = objects(result.stdout)
    transforms.apply(items, options)
    if unset := transforms.unset_images(items):
        command = invocation.command("build -- --registry PREFIX --push")
        raise WrongOptions(listed(f"These have no image: give --registry, or run {command}", unset))
    return items


def kustomization(
    options: RenderOptions, chosen: Mapping[str, Image], folder: Path
) -> dict[str, Any]:
    """The kustomization for the options. `folder` is where it will be written: kustomize's paths
    are relative to it."""
    overlay = _folder(options.overlay, OVERLAYS, "overlay")
    images = [image.as_kustomize(f"bookstore/{name}") for name, image in sorted(chosen.items())]
    if options.database_image:
        images.append(Image.parse(options.database_image).as_kustomize(DATABASE_IMAGE))
    if options.collector_image:
        images.append(Image.parse(options.collector_image).as_kustomize(COLLECTOR_IMAGE))
    found: dict[str, Any] = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [_relative(folder, overlay)],
        "images": images,
    }
    if options.components:
        folders = [_folder(each, COMPONENTS, "component") for each in options.components]
        found["components"] = [_relative(folder, each) for each in folders]
    if options.namespace:
        found["namespace"] = options.namespace
    return found


def _folder(name: str, home: Path, kind: str) -> Path:
    """A name in `home`, or a path. Raises `WrongOptions`."""
    path = Path(name) if os.sep in name or name.startswith(".") else home / name
    if not (path / "kustomization.yaml").is_file():
        known = ", ".join(sorted(each.parent.name for each in home.glob("*/kustomization.yaml")))
        raise WrongOptions(f"There is no {kind} {name!r}. Known: {known or 'none'}.")
    return path.resolve()


def _relative(folder: Path, target: Path) -> str:
    """kustomize refuses absolute paths."""
    try:
        return os.path.relpath(target, folder)
    except ValueError as error:
        raise OpsError(f"{target} and {folder} are on different drives: set TMP.") from error
