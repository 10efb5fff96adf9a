"""`nox -s sbom`: what each image holds, as CycloneDX, made from the locked requirements."""

import sys
from pathlib import Path

from knative.ops.cli.options import SbomOptions
from knative.ops.cli.session import Session, run
from knative.ops.cli.values import SERVICES
from knative.ops.manifests import images
from knative.ops.manifests import sbom as documents


def sbom(session: Session) -> int:
    options = session.options(SbomOptions)
    tag = options.tag or images.git_tag(session.runner)
    folder = Path(options.output)
    for service in SERVICES:
        text = documents.document(service, tag, session.runner)
        path = documents.write(folder, service, text)
        session.console.print(f"{path}: {text.count('pkg:pypi/')} packages")
    return 0


if __name__ == "__main__":
    sys.exit(run(sbom))
