"""The overlay as objects: a kustomization is made around it, kustomize renders, `edits` finishes.

Nothing of the manifests is repeated here. Names of images, namespace and components are kustomize's
own work; what kustomize has no word for is in `transforms.py`.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from knative.ops.cli.errors import OpsError, WrongOptions, listed
from knative.ops.cli.options import ROOT, Options
from knative.ops.cli.runner import Runner
from knative.ops.image import Image
from knative.ops.manifests import transforms
from knative.ops.objects import Object, objects

OVERLAYS = ROOT / "knative" / "overlays"
COMPONENTS = ROOT / "knative" / "components"
DATABASE_IMAGE = "mysql"
"""What the base calls the databases' image."""


def render(options: Options, chosen: Mapping[str, Image], runner: Runner) -> list[Object]:
    """Every object of the shop, as it is to be applied. Needs no cluster."""
    with tempfile.TemporaryDirectory(prefix="bookstore-deploy-") as name:
        folder = Path(name).resolve()
        text = yaml.safe_dump(kustomization(options, chosen, folder), sort_keys=False)
        (folder / "kustomization.yaml").write_text(text, "utf-8")
        # An overlay may be edited for days: whatever is wrong with it, kustomize says where.
        result = runner.run(["kubectl", "kustomize", str(folder)])
    items = objects(result.stdout)
    transforms.apply(items, options)
    if unset := transforms.unset_images(items):
        raise WrongOptions(
            listed("No image is known for these: give --registry, or nox -s build -- --push", unset)
        )
    return items


def kustomization(options: Options, chosen: Mapping[str, Image], folder: Path) -> dict[str, Any]:
    overlay = _folder(options.text("overlay"), OVERLAYS, "overlay")
    images = [image.as_kustomize(f"bookstore/{name}") for name, image in sorted(chosen.items())]
    if options.text("database_image"):
        images.append(Image.parse(options.text("database_image")).as_kustomize(DATABASE_IMAGE))
    made: dict[str, Any] = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [_from(folder, overlay)],
        "images": images,
    }
    if components := options.many("components"):
        folders = [_folder(each, COMPONENTS, "component") for each in components]
        made["components"] = [_from(folder, each) for each in folders]
    if namespace := options.text("namespace"):
        made["namespace"] = namespace
    return made


def _folder(name: str, home: Path, what: str) -> Path:
    path = Path(name) if os.sep in name or name.startswith(".") else home / name
    if not (path / "kustomization.yaml").is_file():
        there = ", ".join(sorted(each.parent.name for each in home.glob("*/kustomization.yaml")))
        raise WrongOptions(f"{name!r} is no {what}: there are {there or 'none'}.")
    return path.resolve()


def _from(folder: Path, target: Path) -> str:
    """kustomize takes no absolute path."""
    try:
        return os.path.relpath(target, folder)
    except ValueError as error:
        raise OpsError(f"{target} and {folder} are on different drives: set TMP.") from error
