"""The Secrets that deploy creates are those that the manifests read."""

from pathlib import Path

from knative.ops.rollout.credentials import wanted
from tests.cluster.manifests import OVERLAYS, ROOT, rendered
from tests.cluster.rules.pods import SECRETS


def test_deploy_creates_what_the_manifests_read() -> None:
    """The same names and keys, in every overlay."""
    for overlay in OVERLAYS:
        created = {
            each.name: set(each.values) for each in wanted(rendered(overlay), "a@shop.example")
        }

        assert created == SECRETS


def test_a_url_fits_its_server() -> None:
    """User, password, host and database are those of the StatefulSet."""
    for each in wanted(rendered("eks"), "a@shop.example"):
        if each.name.startswith("db-"):
            suffix = each.name.removeprefix("db-")
            password = each.values["password"]

            assert each.values["url"] == (
                f"mysql://bookstore:{password}@{each.name}:3306/bookstore_{suffix}"
            )


def test_no_manifest_holds_a_password() -> None:
    """There is no Secret and no secretGenerator."""
    folders = [ROOT / "knative", ROOT / "eventing"]
    texts = {
        str(path.relative_to(ROOT)): path.read_text("utf-8")
        for folder in folders
        for path in Path(folder).rglob("*.yaml")
    }
    found = [name for name, text in texts.items() if "kind: Secret\n" in text]
    found += [name for name, text in texts.items() if "secretGenerator" in text]

    assert found == []
