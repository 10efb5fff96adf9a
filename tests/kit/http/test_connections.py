"""A connection by itself, over a real socket; tests/security has whole servers and crowds."""

import asyncio
import inspect
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.protocols.http import flow_control, h11_impl
from uvicorn.server import Server, ServerState

from functions.kit.http import connections, refusals
from functions.kit.http.connections import BoundedProtocol, Connections, Phase, ServerConfig
from tests.security.served import Answer, Wire

GET = b"GET /books HTTP/1.1\r\nHost: shop.test\r\n\r\n"


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """Answers the path that it was asked for."""
    await receive()
    body = scope["path"].encode()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def listening(app: Any = hello) -> AsyncIterator[tuple[ServerConfig, Any]]:
    """A server's connections, and what opens one."""
    config = ServerConfig(app, lifespan="off", log_config=None, ws="none", proxy_headers=False)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: BoundedProtocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    wires: list[Wire] = []

    async def connect() -> Wire:
        wires.append(Wire(*await asyncio.open_connection(*server.sockets[0].getsockname())))
        return wires[-1]

    try:
        yield config, connect
    finally:
        for wire in wires:
            wire.writer.close()
        server.close()
        while state.connections:  # noqa: ASYNC110
            await asyncio.sleep(0)


def test_uvicorn_has_the_private_parts_that_are_used() -> None:
    """Another release of it may not; then `connections` is to be read again."""
    protocol, cycle = h11_impl.H11Protocol, h11_impl.RequestResponseCycle
    overridden = {
        *("connection_made", "data_received", "connection_lost", "on_response_complete"),
        *("pause_writing", "resume_writing", "shutdown", "send_400_response"),
    }
    made = inspect.getsource(protocol.__init__) + inspect.getsource(cycle.__init__)

    assert overridden <= vars(protocol).keys()
    assert overridden <= vars(BoundedProtocol).keys()
    assert "_unset_keepalive_if_required" in vars(protocol)
    for name in ("app", "conn", "transport", "flow", "headers", "cycle", "connections"):
        assert f"self.{name}" in made, name
    for name in ("disconnected", "keep_alive", "response_started", "response_complete"):
        assert f"self.{name} = " in made, name
    assert "CLOSE_HEADER in self.scope" in inspect.getsource(cycle.send)
    assert "self.send_400_response(" in inspect.getsource(protocol.handle_events)
    assert "app = self.app" in inspect.getsource(protocol.handle_events)
    assert {"write_paused", "resume_reading"} <= set(
        vars(flow_control.FlowControl(asyncio.Transport()))
    ) | set(vars(flow_control.FlowControl))
    assert "connection.shutdown()" in inspect.getsource(Server.shutdown)


def test_h11_says_which_head_is_too_long() -> None:
    """431 beside the error that is raised."""
    parser = h11.Connection(h11.SERVER, max_incomplete_event_size=10)
    parser.receive_data(b"GET /a-long-path")
    with pytest.raises(h11.RemoteProtocolError) as raised:
        parser.next_event()

    assert raised.value.error_status_hint == refusals.HEAD_TOO_LARGE.status


async def test_a_connection_accepted_while_the_server_stops_can_send_one_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its request is answered if it comes at once, and the connection closed either way."""
    monkeypatch.setattr(connections, "TRANSFER_TIMEOUT", 3600.0)
    async with listening() as (config, connect):
        config.connections.stopping = True
        asking, silent, half = await connect(), await connect(), await connect()
        await asking.send(GET)
        await half.send(GET[:20])
        answered, closed, refused = [await wire.rest() for wire in (asking, silent, half)]

    assert Answer.parse(answered).body == b"/books"
    assert Answer.parse(answered).headers["connection"] == "close"
    assert closed == b""
    assert Answer.parse(refused).problem()["code"] == "stopping"


@pytest.mark.parametrize("stopping", [False, True], ids=["full", "stopping"])
async def test_a_connection_whose_request_is_there_is_not_idle(
    monkeypatch: pytest.MonkeyPatch, stopping: bool
) -> None:
    """It is not read yet, for the server was busy; to close now would reset the connection."""
    monkeypatch.setattr(connections, "MIN_WAIT", 0.0)
    async with listening() as (config, connect):
        wire, idle = await connect(), await connect()
        await idle.send(GET)
        await idle.answer()
        (one, other) = config.connections._waiting[Phase.IDLE]
        asking = one if one.client == wire.writer.get_extra_info("sockname") else other
        sock = wire.writer.get_extra_info("socket")
        os.write(sock.fileno(), GET)  # without a turn of the event loop
        assert asking.has_unread()
        if stopping:
            config.connections.stopping = True
            one.shutdown()
            other.shutdown()
        else:
            config.connections.capacity = 0
            for _ in range(3):
                config.connections.make_room(2, one.loop.time())
        answer = await wire.answer()
        closed = await idle.rest()

    assert (answer.body, closed) == (b"/books", b"")


async def test_a_refusal_in_the_middle_of_a_body_leaves_no_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For the app, the client is gone."""
    monkeypatch.setattr(connections, "TRANSFER_TIMEOUT", 0.1)
    seen = []

    async def reader(scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive())["type"] == "http.request":
            seen.append(message["body"])
        seen.append(message["type"])

    async with listening(reader) as (_, connect):
        wire = await connect()
        await wire.send(b"HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n123")
        head_only = await wire.rest()
        wire = await connect()
        await wire.send(b"PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n123")
        answer = Answer.parse(await wire.rest())

    assert (head_only.startswith(b"HTTP/1.1 408 "), head_only[-4:]) == (True, b"\r\n\r\n")
    assert (answer.status, answer.problem()["instance"]) == (408, "/x")
    assert seen == [b"123", "http.disconnect"] * 2


async def test_the_refusal_of_a_pipelined_request_speaks_its_own_language() -> None:
    """The language is read from the head that is refused, not from the one before it."""
    async with listening() as (_, connect):
        wire = await connect()
        second = b"GET /second HTTP/1.1\r\nAccept-Language: en\r\nbad header\r\n\r\n"
        await wire.send(GET.replace(b"\r\n\r\n", b"\r\nAccept-Language: es\r\n\r\n") + second)
        first = await wire.answer()
        refused = Answer.parse(await wire.rest())

    assert first.body == b"/books"
    assert (refused.status, refused.headers["content-language"]) == (400, "en")
    assert refused.problem()["instance"] == "/second"


async def test_a_whole_address_replaces_the_host() -> None:
    """RFC 9112, section 3.2.2."""
    seen: list[Any] = []

    async def keeper(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)
        await hello(scope, receive, send)

    async with listening(keeper) as (_, connect):
        wire = await connect()
        await wire.send(
            b"GET http://shop.test:81/a%20b?c=/d HTTP/1.1\r\n"
            b"Host: other\r\nConnection: close\r\n\r\n"
        )
        answer = Answer.parse(await wire.rest())
    (scope,) = seen

    assert answer.body == b"/a b"
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == (
        *("/a b", b"/a%20b"),
        b"c=/d",
    )
    assert [value for name, value in scope["headers"] if name == b"host"] == [b"shop.test:81"]


class Closed:
    """What stands in for a connection in the order of closing."""

    phase: Phase | None = None

    def __init__(self, order: list["Closed"]) -> None:
        self.order = order

    def has_unread(self) -> bool:
        return False

    def evict(self) -> None:
        self.order.append(self)


@given(st.lists(st.tuples(st.sampled_from(Phase), st.integers(0, 100)), min_size=1))
def test_the_longest_waiting_connection_is_evicted(waiting: list[tuple[Phase, int]]) -> None:
    """Idle ones first; none that has waited less than `MIN_WAIT`, and none while there is room."""
    order: list[Any] = []
    shared = Connections(capacity=10)
    waiting.sort(key=lambda each: each[1])  # time goes on
    entered = [(phase, since, Closed(order)) for phase, since in waiting]
    for phase, since, connection in entered:
        shared.set_phase(connection, phase, since)  # type: ignore[arg-type]
    now = 50.0
    shared.make_room(10, now)
    assert order == []

    settled = [each for each in entered if now - each[1] >= connections.MIN_WAIT]
    for phase, since, connection in sorted(settled, key=lambda each: (each[0], each[1])):
        del phase, since
        shared.make_room(11, now)
        assert order.pop() is connection
        shared.set_phase(connection, None, now)
    shared.make_room(11, now)
    assert order == []
    assert shared.has_room(10, now)
    assert not shared.has_room(10 + connections.RESERVED_FILES, now)
