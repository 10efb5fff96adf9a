"""`canary --auto` on a fake cluster: what it does with good and bad revisions."""

import json
import math
import random
import re
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from knative.ops.cli.errors import OpsError
from knative.ops.cluster.cluster import Cluster
from knative.ops.cluster.requests import Requests, Source, durations
from knative.ops.commands.canary import canary
from knative.ops.commands.deploy import deploy
from knative.ops.commands.rollback import rollback
from knative.ops.rollout.automatic_canary import STEPS
from tests.cluster.ops.commands.test_programs import program, script
from tests.cluster.ops.conftest import CONTEXT, DEPLOY, FakeCluster
from tests.cluster.ops.fake_kubectl import State

AUTO = (*CONTEXT, "purchase", "--auto")


def log(seed: int, count: int, *, median: float = 20.0, failing: float = 0.0) -> str:
    """The log of a revision's pods: requests with log-normal durations, milliseconds."""
    source = random.Random(seed)
    lines = []
    for _ in range(count):
        status = 500 if source.random() < failing else 201
        elapsed = source.lognormvariate(math.log(median), 0.5)
        lines.append(json.dumps({"message": f"POST /purchase {status} {elapsed:.1f} ms"}))
    return "\n".join(lines)


def newest(cluster: FakeCluster) -> str:
    found: dict[str, Any] = cluster.named("Service", "purchase")
    name: str = found["status"]["latestReadyRevisionName"]
    return name


@pytest.fixture
def two(cluster: FakeCluster) -> tuple[str, str]:
    """Two revisions, with all traffic on the first."""
    cluster.run(deploy, *DEPLOY)
    old = newest(cluster)
    cluster.run(deploy, *[each if each != "v1" else "v2" for each in DEPLOY], "--staged")
    return old, newest(cluster)


def answers(cluster: FakeCluster, two: tuple[str, str], old: str, new: str) -> None:
    for revision, text in zip(two, (old, new), strict=True):
        cluster.state.logs[f"serving.knative.dev/revision={revision}"] = text


def steps(cluster: FakeCluster) -> list[str]:
    """The traffic that kn set, newest revision and old one, after the staged deploy's pin."""
    commands = [" ".join(argv) for argv in cluster.called("kn", "update", "purchase")]
    return [",".join(re.findall(r"--traffic (\S+)", each)) for each in commands][1:]


def current(cluster: FakeCluster) -> str:
    """The last of them; empty before the first."""
    return "".join(steps(cluster)[-1:])


def test_a_revision_that_is_no_worse(cluster: FakeCluster, two: tuple[str, str]) -> None:
    """It gets 1, 5, 25, 50 and then all of the traffic, each by a kn command that is printed."""
    old, new = two
    answers(cluster, two, log(1, 2000), log(2, 300))
    code = cluster.run(canary, *AUTO)

    assert (code, steps(cluster)) == (
        0,
        [f"{new}={part},{old}={100 - part}" for part in (1, 5, 25, 50)] + ["@latest=100"],
    )
    assert f"$ kn service update purchase --traffic {new}=1 --traffic {old}=99" in cluster.output


@pytest.mark.parametrize(
    ("new", "why"),
    [
        (log(2, 300, median=50.0), "is slower"),
        (log(2, 300, failing=0.1), "fails more often"),
        (log(2, 12, failing=1.0), "fails more often"),
    ],
)
def test_a_worse_revision(cluster: FakeCluster, two: tuple[str, str], new: str, why: str) -> None:
    """All traffic goes back at the first step, with the reason; the exit code is 1."""
    old, revision = two
    answers(cluster, two, log(1, 2000), new)
    code = cluster.run(canary, *AUTO)

    assert (code, steps(cluster)) == (1, [f"{revision}=1,{old}=99", f"{old}=100"])
    assert f"{revision}: {why}." in cluster.output


@pytest.mark.parametrize("new", ["", log(2, 20)])
def test_too_few_requests(cluster: FakeCluster, two: tuple[str, str], new: str) -> None:
    """After the patience of the step all traffic goes back, which is not taken for success."""
    old, revision = two
    answers(cluster, two, log(1, 2000), new)
    code = cluster.run(canary, *AUTO, "--patience", "300")

    assert (code, steps(cluster)) == (1, [f"{revision}=1,{old}=99", f"{old}=100"])
    assert "too few requests to tell" in cluster.output
    assert "100 of each are needed" in cluster.output


def test_interrupted(cluster: FakeCluster, two: tuple[str, str]) -> None:
    """Ctrl-C leaves the step that was reached, says so, and how to go on and back."""
    old, revision = two
    answers(cluster, two, log(1, 2000), log(2, 300))
    cluster.interrupt_at = f"{revision}=25"
    code = cluster.run(canary, *AUTO)

    assert code == 130
    assert steps(cluster)[:2] == [f"{revision}=1,{old}=99", f"{revision}=5,{old}=95"]
    assert f"The traffic of purchase stays: 25 % {revision}, 75 % {old}." in cluster.output
    assert "canary -- purchase --auto" in cluster.output
    assert "rollback -- purchase" in cluster.output


def test_again_after_it_went_back(cluster: FakeCluster, two: tuple[str, str]) -> None:
    """A second run begins at the first step."""
    answers(cluster, two, log(1, 2000), log(2, 300, failing=1.0))
    cluster.run(canary, *AUTO)
    cluster.run(rollback, *CONTEXT, "purchase")
    answers(cluster, two, log(1, 2000), log(2, 300))

    assert cluster.run(canary, *AUTO) == 0
    assert steps(cluster)[-1] == "@latest=100"


class Answered:
    """What the two revisions answered, with one fault in the new one at one step."""

    def __init__(self, cluster: FakeCluster, new: str, bad_at: int, fault: str) -> None:
        self.cluster, self.new, self.bad_at, self.fault = cluster, new, bad_at, fault

    def source(self, cluster: Cluster, container: str) -> Source:
        return self

    def __call__(self, revision: str, since: datetime) -> Requests:
        at_the_step = current(self.cluster).startswith(f"{self.new}={self.bad_at},")
        seconds, status = 0.02, 200
        if revision == self.new and at_the_step:
            if self.fault == "unreadable":
                raise OpsError("the logs are gone")
            seconds, status = (0.2, 200) if self.fault == "is slower" else (0.001, 500)
        return durations([(status, seconds)] * 150)


@pytest.fixture
def answered(
    cluster: FakeCluster, two: tuple[str, str], bad_at: int, fault: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Answered:  # fmt: skip
    made = Answered(cluster, two[1], bad_at, fault)
    monkeypatch.setattr("knative.ops.cluster.requests.from_logs", made.source)
    return made


@pytest.mark.usefixtures("answered")
@pytest.mark.parametrize("bad_at", STEPS)
@pytest.mark.parametrize("fault", ["is slower", "fails more often"])
def test_a_breach_at_each_step(
    cluster: FakeCluster, two: tuple[str, str], bad_at: int, fault: str
) -> None:
    """The steps before it are taken, none after it: all traffic goes back at the first look."""
    old, new = two
    code = cluster.run(canary, *AUTO)
    taken = [part for part in STEPS if part <= bad_at]

    assert (code, steps(cluster)) == (
        1,
        [*(f"{new}={part},{old}={100 - part}" for part in taken), f"{old}=100"],
    )
    looks = re.findall(r"^ +(\d+) s ", cluster.output.partition(f"{bad_at} % for")[2], re.MULTILINE)
    assert looks == ["15"]
    assert f"{new}: {fault}." in cluster.output


@pytest.mark.usefixtures("answered")
@pytest.mark.parametrize("bad_at", STEPS)
@pytest.mark.parametrize("fault", ["unreadable"])
def test_requests_that_can_no_longer_be_read(
    cluster: FakeCluster, two: tuple[str, str], bad_at: int
) -> None:
    """After the time without a look all traffic goes back, as with too few requests."""
    old, new = two
    code = cluster.run(canary, *AUTO)

    assert (code, steps(cluster)[-2:]) == (
        1,
        [f"{new}={bad_at},{old}={100 - bad_at}", f"{old}=100"],
    )
    assert f"{new}: cannot be judged. No look succeeded for " in cluster.output
    assert "the logs are gone" in cluster.output


KILLING = f"""#!{sys.executable}
import atexit, os, signal, sys
from tests.cluster.ops.fake_kubectl import main
if "update" in sys.argv:
    atexit.register(os.kill, os.getppid(), signal.SIGKILL)
main()
"""
"""A kn whose caller is killed as soon as the traffic has been set."""


def test_killed(cluster: FakeCluster, two: tuple[str, str], tmp_path: Path) -> None:
    """Nothing of it is left but the split, and the next run says where traffic is."""
    old, new = two
    file = tmp_path / "state.json"
    file.write_text(json.dumps(vars(cluster.state)))
    script(tmp_path, "kubectl", KILLING)
    script(tmp_path, "kn", KILLING)
    killed = program(tmp_path, "canary", *AUTO, FAKE_CLUSTER=str(file))
    cluster.state = State(**json.loads(file.read_text()))
    answers(cluster, two, log(1, 2000), log(2, 300))
    code = cluster.run(canary, *AUTO)

    assert killed.returncode == -signal.SIGKILL
    assert f"The traffic of purchase is now: 1 % {new}, 99 % {old}." in cluster.output
    assert f"{new} has 1 %, from an earlier run or by hand" in cluster.output
    assert (code, steps(cluster)[-1]) == (0, "@latest=100")


def test_it_is_all_there_already(cluster: FakeCluster, two: tuple[str, str]) -> None:
    """A run after one that ended, or was killed after its last command, moves nothing back."""
    answers(cluster, two, log(1, 2000), log(2, 300))
    cluster.run(canary, *AUTO)
    before = steps(cluster)

    assert (cluster.run(canary, *AUTO), steps(cluster)) == (0, before)
    assert f"{two[1]} has all traffic of purchase: there is nothing to move." in cluster.output


def test_a_first_release_has_nothing_to_move(cluster: FakeCluster) -> None:
    """The workflow that deploys moves every service, also where there is one revision only."""
    cluster.run(deploy, *DEPLOY, "--staged")

    assert cluster.run(canary, *AUTO) == 0
    assert f"{newest(cluster)} has all traffic of purchase: there is nothing" in cluster.output


@pytest.mark.parametrize("part", STEPS)
@pytest.mark.parametrize("bad", [False, True], ids=["good", "bad"])
def test_a_split_that_is_changed_meanwhile(
    cluster: FakeCluster,
    two: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    part: int,
    bad: bool,
) -> None:
    """As by a rollback, at any step: the run ends with 1, and takes nothing of it back."""
    old, new = two

    def source(revision: str, since: datetime) -> Requests:
        if current(cluster).startswith(f"{new}={part},"):
            beside = FakeCluster()
            beside.state = cluster.state
            assert beside.run(rollback, *CONTEXT, "purchase") == 0, beside.output
        return durations([(500 if bad and revision == new else 200, 0.02)] * 150)

    if bad:
        part = STEPS[0]
    monkeypatch.setattr("knative.ops.cluster.requests.from_logs", lambda *_: source)
    code = cluster.run(canary, *AUTO)

    assert (code, steps(cluster)[-2:]) == (1, [f"{new}={part},{old}={100 - part}", f"{old}=100"])
    assert "was changed meanwhile" in cluster.output
    assert f"stays: 100 % {old}." in cluster.output


def test_two_runs_at_once(
    cluster: FakeCluster, two: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one goes on from its first step, and the first one ends."""
    _, new = two
    codes: list[int] = []

    def source(revision: str, since: datetime) -> Requests:
        if not codes and current(cluster).startswith(f"{new}=25,"):
            codes.append(-1)
            beside = FakeCluster()
            beside.state = cluster.state
            codes.append(beside.run(canary, *AUTO))
        return durations([(200, 0.02)] * 150)

    monkeypatch.setattr("knative.ops.cluster.requests.from_logs", lambda *_: source)
    code = cluster.run(canary, *AUTO)

    assert (code, codes[1:], steps(cluster)[-1]) == (1, [0], "@latest=100")
    assert "was changed meanwhile" in cluster.output


def test_a_newer_revision_meanwhile(
    cluster: FakeCluster, two: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is deployed during the steps gets no traffic, because nobody has looked at it."""
    old, new = two
    third = [each if each != "v1" else "v3" for each in DEPLOY]

    def source(revision: str, since: datetime) -> Requests:
        if newest(cluster) == new and current(cluster).startswith(f"{new}=25,"):
            beside = FakeCluster()
            beside.state = cluster.state
            assert beside.run(deploy, *third, "--staged") == 0, beside.output
        return durations([(200, 0.02)] * 150)

    monkeypatch.setattr("knative.ops.cluster.requests.from_logs", lambda *_: source)
    code = cluster.run(canary, *AUTO)

    assert newest(cluster) not in two
    assert (code, steps(cluster)[-2:]) == (0, [f"{new}=50,{old}=50", f"{new}=100"])
    assert f"a newer revision than {new} was deployed meanwhile" in cluster.output


@pytest.mark.parametrize("arguments", [(), ("10", "--auto")])
def test_either_a_part_or_auto(
    cluster: FakeCluster, two: tuple[str, str], arguments: tuple[str, ...]
) -> None:
    """Neither and both are refused, before anything is changed."""
    code = cluster.run(canary, *CONTEXT, "purchase", *arguments)

    assert (code, steps(cluster)) == (2, [])
    assert "either a percentage" in cluster.output
