"""What an operator does: deploy again, look at the pods, split the traffic, roll out under load."""

import threading
import time
from collections import Counter

import pytest

from knative.ops.cli.session import Session
from knative.ops.commands.canary import canary
from knative.ops.commands.deploy import deploy
from knative.ops.commands.promote import promote
from knative.ops.commands.rollback import rollback
from tests.e2e.options import Options
from tests.e2e.shop import REVISION_LABEL, SERVICE_LABEL, Shop

REQUESTS = 300


def where(given: Options) -> list[str]:
    namespace = ["--namespace", given.namespace] if given.namespace else []
    return ["--context", given.context, *namespace]


def test_deploying_again_changes_nothing(shop: Shop, given: Options) -> None:
    """The generation of every object stays."""
    before = shop.generations()
    code = deploy(Session([*where(given), "--yes", "--smoke", "none"]))

    assert code == 0
    assert {
        name: (before.get(name), after)
        for name, after in shop.generations().items()
        if before.get(name) != after
    } == {}


def test_pods_are_restricted(shop: Shop) -> None:
    """No root, no privilege, no capability, no token of a service account where none is needed."""
    shop.expect(200, "GET", "catalog", "/books?limit=1")
    wrong = []
    for pod in shop.pods():
        if pod["spec"].get("automountServiceAccountToken") is not False:
            wrong.append(f"{pod['metadata']['name']} mounts a token")
        for container in pod["spec"]["containers"]:
            context = pod["spec"].get("securityContext", {}) | container.get("securityContext", {})
            name = f"{pod['metadata']['name']}/{container['name']}"
            if context.get("runAsNonRoot") is not True:
                wrong.append(f"{name} may run as root")
            if context.get("allowPrivilegeEscalation") is not False:
                wrong.append(f"{name} may get privileges")
            if context.get("capabilities", {}).get("drop") != ["ALL"]:
                wrong.append(f"{name} has capabilities")

    assert wrong == []
    namespace = shop.cluster.one(f"namespace/{shop.cluster.namespace}", namespaced=False)
    assert namespace is not None
    labels = namespace["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] in {"baseline", "restricted"}


def answered_by(shop: Shop, service: str, count: int) -> Counter[str]:
    """How many of so many requests each revision answered, as its pods' logs say."""
    mark = f"/books?limit=1&after=&q=e2e{time.time_ns()}"
    path = mark if service == "catalog" else f"/?e2e={time.time_ns()}"
    before = logged(shop, service)
    for _ in range(count):
        answer = shop.request("GET", service, path)
        assert answer.status_code < 500, answer.text
    shop.until(
        "all requests are in the logs",
        lambda: (logged(shop, service) - before).total() >= count,
        seconds=60,
    )
    return logged(shop, service) - before


def logged(shop: Shop, service: str) -> Counter[str]:
    """Requests in the logs of a service's pods, by revision."""
    found: Counter[str] = Counter()
    for pod in shop.pods(f"{SERVICE_LABEL}={service}"):
        container = next(c["name"] for c in pod["spec"]["containers"] if c["name"] != "queue-proxy")
        name = pod["metadata"]["name"]
        text = shop.cluster.kubectl("logs", name, "-c", container, "--tail=-1", check=False).stdout
        found[pod["metadata"]["labels"][REVISION_LABEL]] += text.count(" ms")
    return found


def new_revision(shop: Shop, name: str) -> str:
    """A new revision of the same code, without traffic."""
    suffix = f"{name}-e2e-{int(time.time())}"
    pinned = shop.newest(name)
    shop.cluster.kn("service", "update", name, "--traffic", f"{pinned}=100", show=False)
    shop.cluster.kn(
        *("service", "update", name, "--revision-name", suffix),
        *("--env", f"E2E={int(time.time())}"),
        show=False,
    )
    shop.until(f"{suffix} is ready", lambda: shop.newest(name) == suffix)
    return suffix


def test_canary_promote_and_rollback(shop: Shop, given: Options) -> None:
    """10 % are about 10 % of 300 requests; promote gives all to the newest, rollback none."""
    old, new = shop.newest("catalog"), new_revision(shop, "catalog")
    try:
        assert canary(Session([*where(given), "catalog", "10"])) == 0
        split = answered_by(shop, "catalog", REQUESTS)
        # Four standard deviations of a binomial distribution.
        assert abs(split[new] - 30) <= 4 * (REQUESTS * 0.1 * 0.9) ** 0.5, split
        assert promote(Session([*where(given), "catalog"])) == 0
        assert set(answered_by(shop, "catalog", 30)) == {new}
        assert rollback(Session([*where(given), "catalog"])) == 0
        assert set(answered_by(shop, "catalog", 30)) == {old}
    finally:
        promote(Session([*where(given), "catalog"]))


def test_a_rollout_under_load(shop: Shop) -> None:
    """A new revision takes over while requests go on, and none of them fails."""
    failed: list[str] = []
    stop = threading.Event()

    def load() -> None:
        while not stop.is_set():
            answer = shop.request("GET", "catalog", "/books?limit=5")
            if answer.status_code != 200:
                failed.append(f"{answer.status_code}: {answer.text[:200]}")

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        new = new_revision(shop, "catalog")
        shop.cluster.kn("service", "update", "catalog", "--traffic", "@latest=100", show=False)
        shop.until(
            "only the new revision has pods",
            lambda: (
                {
                    p["metadata"]["labels"][REVISION_LABEL]
                    for p in shop.pods(f"{SERVICE_LABEL}=catalog")
                }
                == {new}
            ),
            seconds=400,
        )
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    assert failed == []


def test_a_bad_revision_is_taken_back(shop: Shop, given: Options, disrupts: None) -> None:
    """A revision whose database cannot be reached fails its requests; `canary --auto` undoes it."""
    old = shop.newest("catalog")
    shop.cluster.kn("service", "update", "catalog", "--traffic", f"{old}=100", show=False)
    bad = f"catalog-bad-{int(time.time())}"
    shop.cluster.kn(
        *("service", "update", "catalog", "--revision-name", bad),
        *("--env", "DATABASE_URL=mysql://nobody:none@db-catalog:3399/none"),
        show=False,
    )
    shop.until(f"{bad} is ready", lambda: shop.newest("catalog") == bad)
    stop = threading.Event()

    def load() -> None:
        while not stop.is_set():
            shop.request("GET", "catalog", f"/books?limit=5&q=e2e{time.time_ns()}")

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        code = canary(Session([*where(given), "catalog", "--auto", "--step-seconds", "60"]))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    split = {
        each["revisionName"]: each["percent"]
        for each in shop.service("catalog")["status"]["traffic"]
        if each.get("percent")
    }
    # The shop goes on with what deploy says, and the bad revision is gone with its pods.
    deploy(Session([*where(given), "--yes", "--take-over", "--smoke", "none"]))
    promote(Session([*where(given), "catalog"]))

    assert (code, split) == (1, {old: 100})


def test_secrets_are_nowhere(shop: Shop) -> None:
    """No value of a Secret is in a log, in an object other than Secrets, or in an event."""
    values = shop.secret_values()
    assert values
    kinds = (
        "pods",
        "configmaps",
        "services.serving.knative.dev",
        "statefulsets.apps",
        "events",
        "triggers.eventing.knative.dev",
        "jobs.batch",
    )
    texts = {kind: shop.cluster.kubectl("get", kind, "-o", "yaml").stdout for kind in kinds}
    texts |= dict(shop.logs())

    assert [
        f"{secret} in {place}"
        for place, text in texts.items()
        for secret, value in values.items()
        if value in text
    ] == []


@pytest.mark.parametrize("database", ["auth", "catalog", "main"])
def test_backup(shop: Shop, database: str) -> None:
    """The nightly Job, run now, succeeds."""
    name = f"backup-{database}-e2e-{int(time.time())}"
    source = f"--from=cronjob/backup-{database}"
    shop.cluster.kubectl("create", "job", name, source)
    job = f"job/{name}"
    shop.cluster.kubectl("wait", "--for=condition=complete", job, "--timeout=300s", timeout=330)
    log = shop.cluster.kubectl("logs", job).stdout

    assert "wrote /backup/" in log
