"""The cluster of `nox -s e2e`; without one every test is skipped."""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from knative.ops.cli.errors import OpsError
from knative.ops.cli.options import StatusOptions
from knative.ops.cli.session import Session
from knative.ops.cluster.cluster import Cluster, connect
from knative.ops.cluster.ingress import open_route
from knative.ops.objects import SELECTOR
from knative.ops.rollout import smoke
from tests.e2e import options
from tests.e2e.candidate import tagged
from tests.e2e.options import Options
from tests.e2e.shop import Shop


@pytest.fixture(scope="session")
def given() -> Options:
    found = options.read()
    if not found.context:
        pytest.skip("no cluster is named: nox -s e2e -- --context NAME")
    return found


def find_shop(given: Options) -> tuple[Cluster, dict[str, str]]:
    """The cluster, and the addresses of its shop by service. Raises `OpsError`."""
    options = StatusOptions(context=given.context, namespace=given.namespace)
    cluster = connect(Session([]), options, show=False)
    kinds = ("services.serving.knative.dev", "domainmappings.serving.knative.dev")
    items = [item for kind in kinds for item in cluster.every(kind, selector=SELECTOR)]
    if not (urls := smoke.addresses(cluster, items, "http")):
        raise OpsError(f"No shop is deployed in {cluster.namespace}.")
    return cluster, urls


@pytest.fixture(scope="session")
def shop(given: Options) -> Iterator[Shop]:
    try:
        cluster, urls = find_shop(given)
    except OpsError as error:  # once, and not for each test
        pytest.exit(str(error), returncode=2)
    tried = tagged(cluster, urls) if given.candidate else nullcontext(urls)
    with tried as urls, open_route(cluster, urls, given.ingress) as route:
        shop = Shop(cluster, route, urls)
        yield shop
        shop.retire_books()
    if given.report:
        Path(given.report).write_text(json.dumps(shop.measured, indent=2) + "\n", "utf-8")


@pytest.fixture(scope="session")
def admin(shop: Shop) -> str:
    """A token; it lives for 15 minutes, so long tests log in again."""
    return shop.admin()


@pytest.fixture
def disrupts(given: Options) -> None:
    if not given.disrupt:
        pytest.skip("deletes parts of the running shop: give --disrupt")
