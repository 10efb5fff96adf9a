"""The broker as a process: a confirmed event survives SIGKILL, and errors are reported.

A test with `storing` runs on both stores.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import yaml

from functions.local.broker.manifests import load_manifests
from functions.local.broker.rabbitmq.topology import Topology
from tests.local.broker.conftest import delete
from tests.local.broker.events import binary
from tests.local.subscribers import DEADLINE_SECONDS, CannedResponse, subscribing
from tests.servers.programs import free_port
from tests.servers.rabbitmq import RabbitMQ

ROOT = Path(__file__).parents[3]
SINK = {"ref": {"kind": "Service", "name": "purchase-internal"}, "uri": "/events"}


def manifests(folder: Path, namespace: str = "bookstore", **delivery: object) -> Path:
    folder.mkdir(exist_ok=True)
    trigger = {
        "apiVersion": "eventing.knative.dev/v1",
        "kind": "Trigger",
        "metadata": {"name": "purchase-books", "namespace": namespace},
        "spec": {
            "broker": "bookstore",
            "filter": {"attributes": {"source": "/bookstore/catalog/books"}},
            "delivery": {
                "retry": 3,
                "backoffPolicy": "linear",
                "backoffDelay": "PT0.05S",
                "timeout": "PT20S",
                "deadLetterSink": {**SINK, "uri": "/events/dead-letter"},
                **delivery,
            },
            "subscriber": SINK,
        },
    }
    ping = {
        "apiVersion": "sources.knative.dev/v1",
        "kind": "PingSource",
        "metadata": {"name": "ping-purchase", "namespace": "bookstore"},
        "spec": {"schedule": "0 0 1 1 *", "sink": {**SINK, "uri": "/ping"}},
    }
    (folder / "all.yaml").write_text(yaml.safe_dump_all([trigger, ping]))
    return folder


@pytest.fixture(params=["sqlite", "rabbitmq"])
async def storing(
    request: pytest.FixtureRequest, tmp_path: Path, namespace: str
) -> AsyncIterator[Sequence[str]]:
    if request.param == "sqlite":
        yield ("--store", str(tmp_path / "broker.db"))
        return
    server: RabbitMQ = request.getfixturevalue("rabbitmq")
    yield ("--rabbitmq", server.url)
    folder = manifests(tmp_path / "eventing", namespace)
    triggers = load_manifests(folder, {"purchase-internal": "http://x"}).triggers
    await delete(server.url, Topology.of(triggers))


async def start(
    port: int, storing: Sequence[str], folder: Path, subscriber: str, *more: str
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "functions.local.broker", "--port", str(port), *storing),
        *("--manifests", str(folder), "--resolve", f"purchase-internal={subscriber}", *more),
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
    )


@asynccontextmanager
async def broker_process(
    port: int, storing: Sequence[str], folder: Path, subscriber: str, *more: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await start(port, storing, folder, subscriber, *more)
    drain = asyncio.create_task(process.stderr.read())  # type: ignore[union-attr]
    try:
        async with asyncio.timeout(DEADLINE_SECONDS), httpx.AsyncClient() as client:
            while True:
                with suppress(httpx.TransportError):
                    if (await client.get(f"http://127.0.0.1:{port}/healthz")).is_success:
                        break
                assert process.returncode is None, (await drain).decode()
                await asyncio.sleep(0.02)
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await drain


async def send(client: httpx.AsyncClient, event_id: str) -> bool:
    try:
        response = await client.post("/", headers=binary(event_id), content=b"{}")
    except httpx.TransportError:
        return False
    return response.status_code == 202


async def test_confirmed_events_survive_sigkill(
    tmp_path: Path, storing: Sequence[str], namespace: str
) -> None:
    """Killed repeatedly during publication and delivery, it delivers each confirmed event."""
    port, folder = free_port(), manifests(tmp_path / "eventing", namespace)
    confirmed: set[str] = set()

    async with subscribing() as subscriber:
        for round_ in range(4):
            async with (
                broker_process(port, storing, folder, subscriber.url) as process,
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
            ):
                # The last round only delivers the events of the others.
                for number in range(60 if round_ < 3 else 0):
                    event_id = f"{round_}-{number}"
                    if number == 40:
                        process.kill()
                    if await send(client, event_id):
                        confirmed.add(event_id)
                if round_ == 3:
                    await subscriber.until(
                        lambda received: confirmed <= {got.event_id for got in received}
                    )

    assert len(confirmed) >= 3 * 40
    assert confirmed <= set(subscriber.ids())


async def test_a_delivery_that_sigkill_interrupts_is_repeated(
    tmp_path: Path, storing: Sequence[str], namespace: str
) -> None:
    """An event whose response had not arrived is still stored, and the next process sends it again
    with the same id."""
    port, folder = free_port(), manifests(tmp_path / "eventing", namespace)
    never = asyncio.Event()

    async with subscribing() as subscriber:
        subscriber.respond = lambda _: CannedResponse(hold=never)
        async with (
            broker_process(port, storing, folder, subscriber.url),
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
        ):
            assert await send(client, "1")
            await subscriber.until_count(1)
        subscriber.respond = lambda _: CannedResponse()
        async with broker_process(port, storing, folder, subscriber.url):
            await subscriber.until_count(2)
        never.set()

    assert subscriber.ids() == ["1", "1"]


async def test_retries_and_dead_letters_follow_the_manifest(
    tmp_path: Path, storing: Sequence[str], namespace: str
) -> None:
    """`retry: 2` gives three attempts and then one dead letter, while another event is
    delivered."""
    port, folder = free_port(), manifests(tmp_path / "eventing", namespace, retry=2)

    async with subscribing() as subscriber:
        subscriber.respond = lambda got: CannedResponse(
            500 if got.path == "/events" and got.event_id == "poison" else 202
        )
        async with (
            broker_process(port, storing, folder, subscriber.url),
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
        ):
            assert await send(client, "poison")
            assert await send(client, "good")
            await subscriber.until(
                lambda received: any(got.path == "/events/dead-letter" for got in received)
            )
            await subscriber.until(lambda _: "good" in subscriber.ids())

    assert subscriber.ids().count("poison") == 3
    assert subscriber.ids("/events/dead-letter") == ["poison"]


async def test_sigterm_stops_it_with_exit_code_0(
    tmp_path: Path, storing: Sequence[str], namespace: str
) -> None:
    """The exit code is that of an orderly stop, although uvicorn raises the signal again."""
    port, folder = free_port(), manifests(tmp_path / "eventing", namespace)

    async with (
        subscribing() as subscriber,
        broker_process(port, storing, folder, subscriber.url) as process,
    ):
        process.send_signal(signal.SIGTERM)

        assert await asyncio.wait_for(process.wait(), DEADLINE_SECONDS) == 0


async def test_ping_every_overrides_the_schedule(
    tmp_path: Path, storing: Sequence[str], namespace: str
) -> None:
    """A yearly PingSource fires every 0.05 s with `--ping-every 0.05`."""
    port, folder = free_port(), manifests(tmp_path / "eventing", namespace)

    async with (
        subscribing() as subscriber,
        broker_process(port, storing, folder, subscriber.url, "--ping-every", "0.05"),
    ):
        await subscriber.until_count(2)

    assert {got.path for got in subscriber.received} == {"/ping"}


async def refused(*more: str, folder: Path, store: Path, subscriber: str = "http://x") -> str:
    process = await start(free_port(), ("--store", str(store)), folder, subscriber, *more)
    _, errors = await asyncio.wait_for(process.communicate(), DEADLINE_SECONDS)

    assert process.returncode == 2
    return errors.decode()


async def test_an_invalid_manifest_is_reported_in_one_line(tmp_path: Path) -> None:
    """The exit code is 2, and the line has the file and the field, without a traceback."""
    folder = manifests(tmp_path / "eventing", retrys=3)

    errors = await refused(folder=folder, store=tmp_path / "broker.db")

    assert errors.startswith(f"broker: {folder / 'all.yaml'}: spec.delivery.retrys: is unknown")
    assert len(errors.splitlines()) == 1


async def test_an_invalid_store_is_reported_in_one_line(tmp_path: Path) -> None:
    """For a file that is not a SQLite database the exit code is 2, without a traceback."""
    (tmp_path / "broker.db").write_text("dear diary" * 1000)

    errors = await refused(folder=manifests(tmp_path / "eventing"), store=tmp_path / "broker.db")

    assert "cannot be opened as a store" in errors
    assert len(errors.splitlines()) == 1


async def test_a_folder_without_triggers_is_refused(tmp_path: Path) -> None:
    """The exit code is 2, because such a broker would lose every event."""
    (tmp_path / "eventing").mkdir()

    errors = await refused(folder=tmp_path / "eventing", store=tmp_path / "broker.db")

    assert "contains no Trigger" in errors


@pytest.mark.parametrize(
    "option",
    [
        ("--resolve", "x"),
        ("--parallelism", "0"),
        ("--ping-every", "-1"),
        ("--rabbitmq", "amqp://x"),
        ("--behave-like-knative", "eats-events"),
    ],
)
async def test_an_invalid_option_is_named(option: tuple[str, str], tmp_path: Path) -> None:
    """The exit code is 2; `--rabbitmq` is invalid here because `--store` is given as well."""
    errors = await refused(
        *option, folder=manifests(tmp_path / "eventing"), store=tmp_path / "broker.db"
    )

    assert option[0] in errors


async def test_a_refusal_of_rabbitmq_is_reported_in_one_line(
    tmp_path: Path, rabbitmq: RabbitMQ
) -> None:
    """Without the password of the URL."""
    url = rabbitmq.url.rpartition("/")[0] + "/nowhere"
    folder = manifests(tmp_path / "eventing")

    process = await start(free_port(), ("--rabbitmq", url), folder, "http://x")
    _, errors = await asyncio.wait_for(process.communicate(), DEADLINE_SECONDS)

    assert process.returncode == 2
    assert "refuses: the virtual host does not exist" in errors.decode()
    assert (urlsplit(url).password or "?") not in errors.decode()


async def test_configured_flaws_are_logged(tmp_path: Path) -> None:
    """With `--behave-like-knative=all`, the log at the start has a line for the flaw
    `loses-on-sigterm`."""
    folder, storing = manifests(tmp_path / "eventing"), ("--store", str(tmp_path / "broker.db"))

    async with subscribing() as subscriber:
        process = await start(
            free_port(), storing, folder, subscriber.url, "--behave-like-knative=all"
        )
        assert process.stderr is not None
        logged = await asyncio.wait_for(process.stderr.readuntil(b"loses-on-sigterm"), 60)
        process.terminate()
        await process.communicate()

    assert b"behaves like Knative's broker" in logged
