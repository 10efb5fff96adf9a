"""What the manifests ask of Secrets is what deploy puts into them."""

from pathlib import Path

from knative.ops.rollout.credentials import wanted
from tests.cluster.manifests import OVERLAYS, ROOT, rendered
from tests.cluster.rules.pods import SECRETS


def test_deploy_makes_what_the_manifests_read() -> None:
    for overlay in OVERLAYS:
        made = {each.name: set(each.values) for each in wanted(rendered(overlay), "a@shop.example")}

        assert made == SECRETS


def test_an_address_fits_its_server() -> None:
    """User, password, host and database, as the StatefulSet is told them."""
    for each in wanted(rendered("eks"), "a@shop.example"):
        if each.name.startswith("db-"):
            suffix = each.name.removeprefix("db-")
            password = each.values["password"]

            assert each.values["url"] == (
                f"mysql://bookstore:{password}@{each.name}:3306/bookstore_{suffix}"
            )


def test_no_manifest_holds_a_password() -> None:
    folders = [ROOT / "knative", ROOT / "eventing"]
    texts = {
        str(path.relative_to(ROOT)): path.read_text("utf-8")
        for folder in folders
        for path in Path(folder).rglob("*.yaml")
    }
    found = [name for name, text in texts.items() if "kind: Secret\n" in text]
    found += [name for name, text in texts.items() if "secretGenerator" in text]

    assert found == []
