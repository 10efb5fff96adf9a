"""`deploy --verify`: what cosign is asked, and what stops a deploy.

cosign is a fake: a program on PATH that takes the options of the real one, and compares identity
and issuer as that does.
"""

import copy
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from knative.ops.cli.options import ROOT
from knative.ops.cli.values import SERVICES
from knative.ops.commands.deploy import deploy
from knative.ops.image import Image
from knative.ops.manifests import images
from knative.ops.rollout.signatures import ISSUER, command
from tests.cluster.ops.commands.test_programs import script
from tests.cluster.ops.conftest import DEPLOY, FakeCluster

REPOSITORY = "acme/book.store"
WORKFLOW = "https://github.com/acme/book.store/.github/workflows/release.yml"
RELEASE = f"{WORKFLOW}@refs/tags/v1.2.0"
READS = {"get", "get-contexts", "version", "kustomize", "revision"}

COSIGN = f"""#!{sys.executable}
import argparse, json, os, re, sys
with open(os.environ["COSIGN_CALLS"], "a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("verb", choices=["verify"])
parser.add_argument("image")
# Of `cosign verify`, version 3: a keyless check needs one of either pair.
identity = parser.add_mutually_exclusive_group(required=True)
identity.add_argument("--certificate-identity")
identity.add_argument("--certificate-identity-regexp")
issuer = parser.add_mutually_exclusive_group(required=True)
issuer.add_argument("--certificate-oidc-issuer")
issuer.add_argument("--certificate-oidc-issuer-regexp")
given = parser.parse_args()
name, _, digest = given.image.partition("@")
signatures = json.load(open(os.environ["COSIGN_SIGNATURES"]))
if digest not in signatures:
    sys.exit("Error: no signatures found\\nerror during command execution: no signatures found")
signer, certified_by = signatures[digest]
# As Go's MatchString: anywhere in the text.
if not re.search(given.certificate_identity_regexp or "$^", signer) or (
    certified_by != given.certificate_oidc_issuer
):
    sys.exit("Error: no matching signatures: none of the expected identities matched what was in"
             " the certificate, got subjects [" + signer + "] with issuer " + certified_by)
print("[]")
"""


def digest(service: str) -> str:
    return "sha256:" + service.encode().hex().ljust(64, "0")


class Signed:
    """Images with their signatures, and what cosign was asked."""

    def __init__(self, calls: Path, signatures: Path) -> None:
        self._calls, self._signatures = calls, signatures
        self._calls.touch()
        self.by = dict.fromkeys(SERVICES, (RELEASE, ISSUER))
        """Identity and issuer in the certificate of each image's signature."""

    def deploy(self, cluster: FakeCluster, *options: str) -> int:
        """The exit code of a deploy that verifies."""
        signatures = {digest(name): signature for name, signature in self.by.items()}
        self._signatures.write_text(json.dumps(signatures))
        return cluster.run(deploy, *DEPLOY, "--verify", REPOSITORY, *options)

    def asked(self) -> list[str]:
        """The images."""
        return [json.loads(line)[1] for line in self._calls.read_text().splitlines()]


@pytest.fixture
def signed(cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Signed:
    """Every image is signed by the release workflow at v1.2.0, unless a test says otherwise."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script(folder, "cosign", COSIGN)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    calls, signatures = folder / "calls", folder / "signatures.json"
    monkeypatch.setenv("COSIGN_CALLS", str(calls))
    monkeypatch.setenv("COSIGN_SIGNATURES", str(signatures))
    images.record(
        {name: Image(f"r.example/bookstore/{name}", "v1", digest(name)) for name in SERVICES},
        images.RECORD,
    )
    return Signed(calls, signatures)


def changes(cluster: FakeCluster) -> list[str]:
    """Calls of kubectl and kn that are not known to read only."""
    argvs = [each["argv"] for each in cluster.state.calls]
    return [" ".join(argv) for argv in argvs if not READS & set(argv)]


def test_the_command() -> None:
    """The digest, signed by the release workflow at a version of that repository and no other."""
    image = Image("r.example/shop/auth", "v1", digest("auth"))

    assert command(image, "a.b/c") == [
        *("cosign", "verify", f"r.example/shop/auth@{digest('auth')}"),
        "--certificate-identity-regexp",
        r"^https://github\.com/a\.b/c/\.github/workflows/release\.yml@refs/tags/v[0-9]+\.[0-9]+\.[0-9]+$",
        *("--certificate-oidc-issuer", "https://token.actions.githubusercontent.com"),
    ]


def test_a_release(cluster: FakeCluster, signed: Signed) -> None:
    """Each image of the shop is looked at once, by its digest, and then deployed by it."""
    code = signed.deploy(cluster)
    by_digest = [f"r.example/bookstore/{name}@{digest(name)}" for name in sorted(SERVICES)]

    assert code == 0, cluster.output
    assert signed.asked() == by_digest
    (container,) = cluster.named("Service", "catalog")["spec"]["template"]["spec"]["containers"]
    assert container["image"] in by_digest


@pytest.mark.parametrize(
    ("identity", "issuer"),
    [
        (RELEASE, "https://gitlab.com"),
        (RELEASE, f"{ISSUER}.evil.example"),
        (RELEASE.replace("acme", "evil"), ISSUER),
        (RELEASE.replace("book.store", "bookxstore"), ISSUER),
        (RELEASE.replace("book.store", "book.store-too"), ISSUER),
        (RELEASE.replace("release.yml", "ci.yml"), ISSUER),
        (RELEASE.replace("release.yml", "release-yml"), ISSUER),
        (RELEASE.replace("tags", "heads"), ISSUER),
        (f"{WORKFLOW}@refs/pull/7/merge", ISSUER),
        (f"{RELEASE}-rc.1", ISSUER),
        (f"{RELEASE}/x", ISSUER),
        (f"https://github.com/evil/x?{RELEASE}", ISSUER),
        (f"mallory@{RELEASE}", ISSUER),
    ],
)
def test_another_signer(cluster: FakeCluster, signed: Signed, identity: str, issuer: str) -> None:
    """One image of five that somebody else signed stops the deploy before anything is changed."""
    before = copy.deepcopy(cluster.state.objects)
    signed.by["purchase"] = (identity, issuer)
    code = signed.deploy(cluster)
    told = cluster.output.rpartition("Nothing was changed.")[2]

    assert (code, changes(cluster), cluster.state.objects) == (1, [], before)
    assert len(signed.asked()) == len(SERVICES)
    assert (
        f"purchase@{digest('purchase')} is not signed by {REPOSITORY}: Error: no matching" in told
    )
    assert digest("auth") not in told


def test_unsigned_images(cluster: FakeCluster, signed: Signed) -> None:
    """Every image that is not to be trusted is named with the reason, not the first alone."""
    del signed.by["catalog"]
    other = "--image=storefront=r.example/bookstore/storefront:v1"
    code = signed.deploy(cluster, other)
    told = cluster.output.rpartition("Nothing was changed.")[2]

    assert (code, changes(cluster)) == (1, [])
    assert f"{digest('catalog')} is not signed by {REPOSITORY}: Error: no signatures found" in told
    assert "storefront:v1 has no digest" in told
    assert digest("auth") not in told


def test_an_image_that_an_overlay_names(
    cluster: FakeCluster, signed: Signed, tmp_path: Path
) -> None:
    """It is checked like one that an option names."""
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    local = os.path.relpath(ROOT / "knative/overlays/local", overlay)
    evil = "sha256:" + "ee" * 32
    path = "/spec/template/spec/containers/0/image"
    patch = json.dumps([{"op": "replace", "path": path, "value": f"r.example/evil@{evil}"}])
    (overlay / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
        f"resources: [{local}]\n"
        "patches:\n  - target: {kind: Service, name: purchase-internal}\n"
        f"    patch: '{patch}'\n"
    )
    code = signed.deploy(cluster, "--overlay", str(overlay))

    assert (code, changes(cluster)) == (1, [])
    assert f"r.example/evil@{evil} is not signed by" in cluster.output


def test_without_cosign(
    cluster: FakeCluster, signed: Signed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deploy that is to verify does not go on where cosign is missing."""
    for name in ("kubectl", "git"):
        if found := shutil.which(name):
            (tmp_path / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(tmp_path))
    code = signed.deploy(cluster)

    assert (code, changes(cluster)) == (1, [])
    assert "cosign is not installed, or not on PATH: https://docs.sigstore.dev" in cluster.output
