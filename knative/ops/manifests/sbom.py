"""The packages of a service's image as an SBOM in CycloneDX 1.6, from the locked requirements.

An image installs `requirements/runtime.txt` with its hashes, and `knative/image/prune.py` takes out
whole packages that no service imports, and moves those of some services to their images alone. The
same lists are read here. cyclonedx-py writes the document; the base image is added as a component
of its own, because its Debian packages are known to its publisher only.
"""

import json
import re
import runpy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from knative.ops.cli.options import ROOT
from knative.ops.cli.runner import Runner

REQUIREMENTS = ROOT / "requirements" / "runtime.txt"
DOCKERFILE = ROOT / "functions" / "Dockerfile"
PRUNE = ROOT / "knative" / "image" / "prune.py"

CYCLONEDX = (
    *("cyclonedx-py", "requirements", "-", "--sv", "1.6", "--of", "JSON"),
    *("--mc-type", "application", "--output-reproducible", "--short-PURLs"),
)


def document(service: str, version: str, runner: Runner) -> str:
    """The SBOM of a service's image, as JSON. Raises `OpsError`."""
    base = base_image(DOCKERFILE.read_text("utf-8"))
    locked = REQUIREMENTS.read_text("utf-8")
    requirements = "\n".join(installed(locked, service, python_of(base)).values())
    written: dict[str, Any] = json.loads(runner.run(CYCLONEDX, stdin=requirements).stdout)
    name, _, tag = base.partition(":")
    written["metadata"]["component"] = {
        "type": "container",
        "bom-ref": f"bookstore/{service}",
        "name": f"bookstore/{service}",
        "version": version,
    }
    written["components"].append(
        {"type": "container", "bom-ref": base, "name": name, "version": tag}
    )
    of_image = [base, *(each["bom-ref"] for each in written["components"][:-1])]
    written["dependencies"].append({"ref": f"bookstore/{service}", "dependsOn": of_image})
    return json.dumps(written, indent=2) + "\n"


def installed(locked: str, service: str, python: str) -> dict[str, str]:
    """The lines of a lock file, by package, whose packages the image of a service holds."""
    lists = runpy.run_path(str(PRUNE))
    of_others = {
        name for name, services in lists["OF_SOME_SERVICES"].items() if service not in services
    }
    absent = {*lists["UNUSED"], *of_others}
    environment = linux(python)
    return {
        name: text
        for name, requirement, text in entries(locked)
        if name not in absent
        and (requirement.marker is None or requirement.marker.evaluate(environment))
    }


def entries(locked: str) -> Iterator[tuple[str, Requirement, str]]:
    """Name, requirement without hashes, and the entry on one line, of a `uv pip compile` file."""
    joined = locked.replace("\\\n", " ")
    for line in joined.splitlines():
        if line.strip() and not line.startswith("#"):
            requirement = Requirement(line.partition(" --hash")[0].strip())
            yield requirement.name, requirement, re.sub(r"\s+", " ", line).strip()


def linux(python: str) -> Mapping[str, str]:
    """The environment markers of an image; the processor does not matter to the lock."""
    return {
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "python_version": ".".join(python.split(".")[:2]),
        "python_full_version": python,
    }


def base_image(dockerfile: str) -> str:
    """The default of the Dockerfile's `PYTHON_IMAGE`."""
    (found,) = re.findall(r"^ARG PYTHON_IMAGE=(\S+)$", dockerfile, re.MULTILINE)
    return str(found)


def python_of(image: str) -> str:
    """3.13.14 of python:3.13.14-slim-trixie."""
    return image.partition(":")[2].partition("-")[0]


def write(folder: Path, service: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{service}.cdx.json"
    path.write_text(text, "utf-8")
    return path
