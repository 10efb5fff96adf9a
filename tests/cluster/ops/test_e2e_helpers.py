"""What `tests/e2e` is made of: its HTTP on a running shop, its operating on a fake cluster.

The sales of the suite run here as they are, against the whole shop as processes.
"""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from knative.ops.cli.runner import Clock, Runner
from knative.ops.cluster import traffic
from knative.ops.cluster.cluster import Cluster
from knative.ops.cluster.ingress import IngressRoute
from knative.ops.commands.deploy import deploy
from knative.ops.commands.seed import seed
from knative.ops.rollout import credentials
from tests.cluster.ops.conftest import CONTEXT, DEPLOY, FakeCluster, FakeRunner
from tests.e2e import options, test_sale, test_zero
from tests.e2e.candidate import TAG, tagged
from tests.e2e.shop import NotInTime, Shop
from tests.storefront.browser.running import RunningShop, running_shop


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningShop]:
    with running_shop(tmp_path_factory.mktemp("shop")) as shop:
        yield shop


def connected(fake: FakeCluster) -> Cluster:
    from knative.ops.cli.console import Console

    runner = FakeRunner(Console(), clock=Clock())
    runner.state, runner.interrupt_at = fake.state, ""
    runner.absent, runner.streamed = fake.absent, fake.streamed
    return Cluster(runner, context="kind-test", namespace="bookstore")


@pytest.fixture
def shop(cluster: FakeCluster, running: RunningShop) -> Shop:
    """The running shop, with its admin in a Secret as deploy makes it."""
    admin = json.loads((running.folder / "data" / "admin.json").read_text("utf-8"))
    data = {name: base64.b64encode(admin[name].encode()).decode() for name in ("email", "password")}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": credentials.ADMIN, "namespace": "bookstore"},
        "data": data,
    }
    cluster.state.put(secret)
    urls = {name: running.url(name) for name in ("auth", "catalog", "purchase", "storefront")}
    return Shop(connected(cluster), IngressRoute(), urls, pause=0.05)


@pytest.mark.parametrize(
    "sale",
    [
        test_sale.test_from_registration_to_delivery,
        test_sale.test_two_buyers_of_the_last_copy,
        test_sale.test_a_repeated_request_is_one_purchase,
        test_sale.test_pages,
    ],
    ids=lambda sale: sale.__name__.removeprefix("test_"),
)
def test_the_suites_sales(shop: Shop, sale: object) -> None:
    """Each passes on the shop of one machine."""
    assert callable(sale)
    sale(shop)


def test_an_unexpected_answer_is_shown(shop: Shop) -> None:
    """A wrong status fails with method, path, status and body."""
    with pytest.raises(AssertionError, match=r"GET catalog/books/999999: 404, not 200: \{"):
        shop.expect(200, "GET", "catalog", "/books/999999")


def test_waiting_ends(shop: Shop) -> None:
    """What does not become true in its time fails with what was waited for."""
    with pytest.raises(NotInTime, match="Not in 0 s: the impossible"):
        shop.until("the impossible", lambda: False, seconds=0)


def test_a_pause_is_waited_out(shop: Shop) -> None:
    """A 503 is repeated until the answer comes, and given up at the end."""
    answers = iter([httpx.Response(503), httpx.Response(502), httpx.Response(200)])

    assert shop.patiently(lambda: next(answers)).status_code == 200
    assert shop.patiently(lambda: httpx.Response(503), seconds=0).status_code == 503


# Operating


@pytest.fixture
def deployed(cluster: FakeCluster) -> Shop:
    cluster.run(deploy, *DEPLOY)
    return Shop(connected(cluster), IngressRoute(), {}, pause=0.0)


def test_generations(cluster: FakeCluster, deployed: Shop) -> None:
    """Deploying again leaves them, and a change shows."""
    before = deployed.generations()
    cluster.run(deploy, *DEPLOY)

    assert "Service/catalog" in before
    assert "Trigger/catalog-inventory" in before
    assert deployed.generations() == before
    cluster.run(deploy, *[each if each != "v1" else "v2" for each in DEPLOY])
    assert deployed.generations() != before


def pod(name: str, service: str, *, ending: bool = False) -> dict[str, object]:
    metadata: dict[str, object] = {
        "name": name,
        "namespace": "bookstore",
        "labels": {
            "serving.knative.dev/service": service,
            "app.kubernetes.io/part-of": "bookstore",
        },
    }
    if ending:
        metadata["deletionTimestamp"] = "2026-11-30T12:00:00Z"
    spec = {"containers": [{"name": service}, {"name": "queue-proxy"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def test_awake(cluster: FakeCluster, deployed: Shop) -> None:
    """A service is awake while it has a pod that is not being deleted."""
    cluster.state.put(pod("catalog-1", "catalog"))
    cluster.state.put(pod("auth-1", "auth", ending=True))

    assert [deployed.awake(name) for name in ("catalog", "auth", "purchase")] == [
        True,
        False,
        False,
    ]
    deployed.until_zero("auth", "purchase", seconds=0)
    with pytest.raises(NotInTime, match="catalog at zero"):
        deployed.until_zero("catalog", seconds=0)


def test_wake_times(shop: Shop) -> None:
    """Each is a request to a service without pods; the report has them beside hello-world's."""
    test_zero.report(shop, test_zero.WAKE_HELLO, [0.9, 0.8, 0.7])
    test_zero.test_it_wakes(shop, "catalog", "/books?limit=5")
    wakes = shop.measured["wake catalog /books?limit=5"]

    assert wakes["count"] == test_zero.WAKES
    assert 0 < wakes["least"] <= wakes["p50"] <= wakes["p95"]
    assert test_zero.over_hello_world(shop.measured) == {
        "wake catalog /books?limit=5": round(wakes["p50"] - 0.8, 3)
    }


def test_percentiles(deployed: Shop) -> None:
    """p95 is the nearest rank: of 20 the nineteenth, of few the greatest."""
    test_zero.report(deployed, "many", [float(each) for each in range(1, 21)])
    test_zero.report(deployed, "few", [3.0, 1.0, 2.0])

    assert deployed.measured["many"] == {"p50": 10.5, "p95": 19.0, "least": 1.0, "count": 20}
    assert deployed.measured["few"] == {"p50": 2.0, "p95": 3.0, "least": 1.0, "count": 3}


def test_secrets_and_logs(cluster: FakeCluster, deployed: Shop) -> None:
    """The values to look for, and the logs to look in."""
    cluster.state.put(pod("catalog-1", "catalog"))
    cluster.state.logs["catalog-1"] = "a line"
    secret = {"long": "a value to look for", "short": "brief"}
    data = {name: base64.b64encode(value.encode()).decode() for name, value in secret.items()}
    metadata = {"name": "some", "namespace": "bookstore"}
    cluster.state.put({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})

    assert deployed.secret_values() == {"some.long": "a value to look for"}
    assert dict(deployed.logs())["catalog-1/catalog"] == "a line"


def test_options(tmp_path: Path) -> None:
    """From the environment; without a context there is no cluster."""
    assert options.read({}).context == ""
    assert options.read({"BOOKSTORE_E2E_CONTEXT": "kind", "BOOKSTORE_E2E_DISRUPT": "True"}) == (
        options.Options("kind", "", "", "", disrupt=True, candidate=False)
    )
    assert CONTEXT[0] == "--context"


def test_candidates(cluster: FakeCluster, deployed: Shop) -> None:
    """Newest revisions get addresses, no traffic, and lose both again; a tag left is moved."""
    names = ("catalog", "purchase")
    second = [each if each != "v1" else "v2" for each in DEPLOY]
    old = {name: deployed.newest(name) for name in names}
    kn = deployed.cluster.kn
    kn("service", "update", "purchase", "--tag", f"{old['purchase']}={TAG}", show=False)
    cluster.run(deploy, *second, "--staged")
    before = {name: traffic.describe(deployed.service(name)) for name in names}
    with tagged(deployed.cluster, dict.fromkeys(names, "")) as urls:
        shares = {name: traffic.shares(deployed.service(name)) for name in names}

    assert urls == {name: f"http://{TAG}-{name}.bookstore.127.0.0.1.sslip.io" for name in names}
    for name in names:
        (candidate,) = (each for each in shares[name] if each.tag == TAG)
        assert (candidate.revision, candidate.percent) == (deployed.newest(name), 0)
        assert {each.revision: each.percent for each in shares[name]}[old[name]] == 100
        after = traffic.describe(deployed.service(name))
        assert after == before[name].replace(f" [{TAG}]", "")


def test_books_of_the_suite_are_retired(shop: Shop) -> None:
    """No customer buys one later."""
    book_id = shop.book(shop.admin(), stock=1)
    shop.retire_books()

    assert shop.request("GET", "catalog", f"/books/{book_id}").status_code == 410
    assert shop.books == []


# nox -s seed


def test_seeding_again_changes_nothing(shop: Shop, running: RunningShop) -> None:
    """Books that are there stay as their staff has them; missing ones are added."""
    token = shop.admin()
    listed = shop.expect(200, "GET", "catalog", "/books?limit=100&sort=id")
    path = next(f"/books/{each['id']}" for each in listed if each["isbn"])
    changed = {"price": 1.23, "title": "A title that staff has corrected"}
    tag = shop.request("GET", "catalog", path).headers["etag"]
    shop.expect(
        200,
        "PATCH",
        "catalog",
        path,
        token=token,
        json=changed,
        headers={"If-Match": tag},
    )
    admin = json.loads((running.folder / "data" / "admin.json").read_text("utf-8"))
    command = [sys.executable, "-m", "functions.local.seed"]
    command += [f"--{name}={shop.urls[name]}" for name in ("auth", "catalog", "purchase")]
    environ = {"SEED_EMAIL": admin["email"], "SEED_PASSWORD": admin["password"]}
    done = subprocess.run(  # noqa: S603 - this Python
        command, capture_output=True, text=True, check=False, env={**os.environ, **environ}
    )

    assert (done.returncode, done.stdout.startswith("0 books added, ")) == (0, True), done.stderr
    book = shop.expect(200, "GET", "catalog", path)
    assert {name: book[name] for name in changed} == changed


def test_seed_of_a_cluster(
    cluster: FakeCluster, deployed: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program gets addresses as arguments, and the account by its environment alone."""
    data = {
        name: base64.b64encode(value.encode()).decode()
        for name, value in (("email", "admin@x.example"), ("password", "not to be shown"))
    }
    metadata = {"name": credentials.ADMIN, "namespace": "bookstore"}
    cluster.state.put({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})
    started: list[tuple[list[str], dict[str, str]]] = []

    def stream(runner: Runner, argv: list[str], **_: object) -> int:
        started.append((argv, dict(runner.environ or {})))
        return 0

    monkeypatch.setattr(Runner, "stream", stream)
    code = cluster.run(seed, *CONTEXT, "--ingress", "http://127.0.0.1:8080")
    ((argv, environ),) = started

    assert code == 0, cluster.output
    assert argv[argv.index("--via") + 1] == "127.0.0.1:8080"
    assert argv[argv.index("--catalog") + 1].startswith("http://catalog.bookstore.")
    assert environ["SEED_PASSWORD"] == "not to be shown"
    assert "not to be shown" not in cluster.output + " ".join(argv)
