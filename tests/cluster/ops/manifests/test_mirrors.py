"""Mirrors of release files and images."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from knative.ops.cli.errors import OpsError
from knative.ops.manifests.mirrors import Mirrors, read
from knative.ops.objects import Object, objects

URL = "https://github.com/knative/serving/releases/download/knative-v1.23.0/serving-core.yaml"
IMAGES = Mirrors({"gcr.io": "r.example:5000/gcr", "docker.io": "r.example:5000/hub"})

RELEASE = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: config-deployment}
data:
  _example: "queue-sidecar-image: gcr.io/knative-releases/queue"
  queue-sidecar-image: gcr.io/knative-releases/queue@sha256:0123
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: controller}
spec:
  template:
    spec:
      containers:
        - image: envoyproxy/envoy:v1.34
          args: [--solver=quay.io/jetstack/solver:v1, --image=gcr.io/a/b, see https://gcr.io/docs]
          env: [{name: IMAGE, value: gcr.io/a/c}]
        - image: busybox
        - image: other.example/notgcr.io/x
"""


def rewritten(mirrors: Mirrors) -> list[Object]:
    items = objects(RELEASE)
    mirrors.rewrite(items)
    return items


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("mirror.example/github", "https://mirror.example/github/"),
        ("http://mirror.example:8080", "http://mirror.example:8080/"),
        ("/srv/releases", "/srv/releases/"),
        ("./releases", "./releases/"),
    ],
)
def test_release_files(prefix: str, expected: str) -> None:
    """They keep their path below the mirror, which is a host, a URL or a folder."""
    assert Mirrors({"github.com": prefix}).release(URL) == URL.replace(
        "https://github.com/", expected
    )


def test_without_a_mirror_of_releases() -> None:
    """The URL stays."""
    assert IMAGES.release(URL) == URL


def test_images() -> None:
    """Images of pods, of arguments and of variables come from the mirror of their host."""
    _, deployment = rewritten(IMAGES)
    first, second, third = deployment["spec"]["template"]["spec"]["containers"]

    assert first["image"] == "r.example:5000/hub/envoyproxy/envoy:v1.34"
    assert second["image"] == "r.example:5000/hub/library/busybox"
    assert first["args"][1] == "--image=r.example:5000/gcr/a/b"
    assert first["env"] == [{"name": "IMAGE", "value": "r.example:5000/gcr/a/c"}]
    # Hosts without a mirror, and what is no host.
    assert first["args"][::2] == ["--solver=quay.io/jetstack/solver:v1", "see https://gcr.io/docs"]
    assert third["image"] == "other.example/notgcr.io/x"


def test_settings() -> None:
    """Knative's own settings name images too; their example text must stay as released."""
    config, _ = rewritten(IMAGES)

    assert config["data"] == {
        "_example": "queue-sidecar-image: gcr.io/knative-releases/queue",
        "queue-sidecar-image": "r.example:5000/gcr/knative-releases/queue@sha256:0123",
    }


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A folder, served by HTTP."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(tmp_path))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}"
        finally:
            running.shutdown()
            thread.join()


def test_reading(server: str, tmp_path: Path) -> None:
    """By URL and by path."""
    (tmp_path / "release.yaml").write_text(RELEASE, "utf-8")

    assert read(f"{server}/release.yaml") == RELEASE
    assert read(str(tmp_path / "release.yaml")) == RELEASE


def test_missing_files(server: str, tmp_path: Path) -> None:
    """The error names the URL or path, and the reason."""
    for source, reason in ((f"{server}/no.yaml", "404"), (f"{tmp_path}/no.yaml", "No such file")):
        with pytest.raises(OpsError) as caught:
            read(source)

        assert str(caught.value).startswith(f"{source} cannot be read: ")
        assert reason in str(caught.value)
