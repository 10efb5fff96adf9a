"""Names with a hash of the content."""

from typing import Any

from knative.ops.manifests.naming import name_jobs, name_revisions


def shop(currency: str = "USD") -> list[dict[str, Any]]:
    container = {"name": "c", "image": "i", "envFrom": [{"configMapRef": {"name": "settings"}}]}
    template = {"spec": {"containers": [container]}}
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "settings"},
            "data": {"CURRENCY": currency},
        },
        {
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Service",
            "metadata": {"name": "catalog"},
            "spec": {"template": template},
        },
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "migrate-catalog"},
            "spec": {"template": template},
        },
    ]


def named(items: list[dict[str, Any]]) -> tuple[str, str]:
    name_jobs(items)
    name_revisions(items)
    _, service, job = items
    return service["spec"]["template"]["metadata"]["name"], job["metadata"]["name"]


def test_config_map_without_a_hash_in_its_name() -> None:
    """Its content is part of the revision's name, because later pods of a revision read it."""
    assert named(shop()) == named(shop())
    assert not set(named(shop())) & set(named(shop("EUR")))


def test_naming_twice() -> None:
    """The name is not part of the hash."""
    items = shop()
    first = named(items)
    name_revisions(items)

    assert first[0] == items[1]["spec"]["template"]["metadata"]["name"]


def test_longest_name() -> None:
    """The name fits into a label."""
    items = shop()
    items[2]["metadata"]["name"] = "m" * 63

    assert len(named(items)[1]) == 63
