"""What goes over the wire and how what comes back is understood: bodies, headers, statuses, usage, broken answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("geventhttpclient", reason="the extra `live` is not installed")

import gevent
from gevent import socket
from gevent.pool import Group

from sim.emulator.bodies import estimated_tokens, parse
from sim.engine.tables import Request
from sim.live import hearing
from sim.live.asking import Asking, text_of
from sim.live.clients import Answer, Send, Usage
from sim.live.connections import Connections
from sim.live.order import LiveOrder
from sim.live.wire import Wire
from sim.results.columns import STATUS_CONNECTION, STATUS_TIMEOUT
from sim.scenario.loader import load_text
from sim.units import SECOND
from sim.workload import plan_header
from tests.live.serving import CALM
from tests.live.test_clients import settings

REQUEST = Request(12, 0, 0, 1, 0, 0, 0, 0, 5, -1, 0, 0, 800, 100, 800, 900, 250, 300, 815, 3)
SEND = Send(3, 2, REQUEST, 0, 5)


def asking(**more: Any) -> Asking:
    setting = next(settings(load_text(CALM, Path("calm.yaml")).scenario))
    url = "http://127.0.0.1:9/v1" if more.get("api") == "openai" else "http://127.0.0.1:9"
    order = LiveOrder("calm.yaml", "", "roomy", url, **more)
    return Asking(order, setting, dict.fromkeys(setting.keys, "sk-secret"))


def split(request: bytes) -> tuple[str, dict[str, str], dict[str, Any]]:
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    assert int(headers["content-length"]) == len(body)
    return lines[0], headers, json.loads(body)


def test_a_planned_attempt_in_anthropics_shape() -> None:
    line, headers, body = split(asking().bytes_of(SEND))
    assert line == "POST /v1/messages HTTP/1.1"
    assert headers["x-api-key"] == "sk-secret" and headers["anthropic-version"] and headers["host"] == "127.0.0.1:9"
    planned = plan_header.read(headers["x-keystorm-plan"])
    assert planned == (12, 2, 815, "shop", 0, 900, 100, 250, plan_header.UNSAID)
    assert body["model"] == "quick" and body["max_tokens"] == 300 and "stream" not in body
    assert len(json.dumps(body)) < 300, "the header tells the sizes"


def test_only_the_emulator_is_told_when_an_attempt_was_meant_to_leave() -> None:
    _, headers, _ = split(asking(control_url="http://127.0.0.1:9").bytes_of(SEND))
    assert plan_header.read(headers["x-keystorm-plan"]).at == SEND.at
    _, headers, _ = split(asking().bytes_of(SEND))
    assert "at=" not in headers["x-keystorm-plan"], "a gateway's own time is its own"


def test_a_planned_attempt_in_openais_shape_as_a_stream() -> None:
    line, headers, body = split(asking(api="openai", stream=True, models={"quick": "gpt-4.1"}).bytes_of(SEND))
    assert line == "POST /v1/chat/completions HTTP/1.1"
    assert headers["authorization"] == "Bearer sk-secret" and "x-api-key" not in headers
    assert body["stream"] is True and body["stream_options"] == {"include_usage": True} and body["model"] == "gpt-4.1"


def test_without_the_header_a_body_is_as_long_as_planned() -> None:
    _, headers, body = split(asking(plan_header=False).bytes_of(SEND))
    assert not [name for name in headers if name.startswith("x-keystorm")]
    words = body["messages"][0]["content"].split()
    assert abs(len(words) - 900) <= 3
    assert 700 < estimated_tokens(parse(json.dumps(body).encode())) < 1300
    assert text_of(900, 1) != text_of(900, 2)


@pytest.mark.parametrize(
    ("status", "known"),
    [(429, 429), (529, 529), (502, 503), (504, 503), (520, 500), (408, STATUS_TIMEOUT), (404, 404), (422, 422)],
)
def test_statuses(status: int, known: int) -> None:
    assert hearing.status_of(status) == known


@pytest.mark.parametrize(
    ("headers", "speed", "ns"),
    [
        ({"retry-after": "7"}, 1, 7 * SECOND),
        ({"retry-after": "0.5"}, 1, SECOND // 2),
        ({"retry-after-ms": "250", "retry-after": "9"}, 1, SECOND // 4),
        ({"retry-after": "7"}, 10, 70 * SECOND),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:10 GMT"}, 1, 0),
        ({"retry-after": "soon"}, 1, -1),
        ({}, 1, -1),
    ],
)
def test_retry_after(headers: dict[str, str], speed: int, ns: int) -> None:
    assert hearing.retry_after(headers.get, speed * SECOND) == ns


def test_usage_of_both_shapes() -> None:
    anthropic = {"input_tokens": 10, "cache_creation_input_tokens": 2, "cache_read_input_tokens": 5, "output_tokens": 7}
    openai = {"prompt_tokens": 17, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 5}}
    assert hearing.usage_of(anthropic) == hearing.usage_of(openai) == Usage(12, 5, 7)
    assert hearing.whole(json.dumps({"usage": openai}).encode()) == Answer(200, usage=Usage(12, 5, 7))
    assert hearing.whole(b"no json") == Answer(200)


def test_a_stream_ends_with_its_last_usage_or_its_error() -> None:
    start = b'event: message_start\ndata: {"message":{"usage":{"input_tokens":9,"output_tokens":0}}}\n\n'
    end = b'event: message_delta\ndata: {"usage":{"input_tokens":9,"output_tokens":4}}\n\n'
    bad = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"x"}}\n\n'
    assert hearing.streamed(start + end) == Answer(200, usage=Usage(9, 0, 4))
    assert hearing.streamed(start + bad).status == 529


def test_refusals_name_who_refused_or_the_status() -> None:
    ours = {"x-keystorm-refused-by": "account:acme:requests", "retry-after": "2"}
    found = hearing.refusal(429, ours.get, b"", SECOND, emulated=True)
    assert found == Answer(429, "account:acme:requests", 2 * SECOND, refused=True)
    theirs = hearing.refusal(429, {}.get, b'{"error":{"code":"insufficient_quota"}}', SECOND, emulated=False)
    assert theirs.refused_by == "budget:target"
    assert hearing.refusal(503, {}.get, b"", SECOND, emulated=False).refused_by == "target:503"


# Over a real socket


@contextmanager
def answering(*answers: bytes | None) -> Iterator[Connections]:
    """A server that gives one of these to each request, and closes after what is no whole answer; None: it waits."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    todo, serving = list(answers), Group()

    def serve(peer: Any) -> None:
        with peer:
            while todo and peer.recv(65536):
                said = todo.pop(0)
                if said != OK:
                    peer.sendall(said or b"")
                    if said is None:
                        peer.recv(1)
                    return
                peer.sendall(said)
            peer.recv(1)

    def accept() -> None:
        while True:
            serving.spawn(serve, listening.accept()[0])

    serving.spawn(accept)
    connections = Connections(f"http://127.0.0.1:{listening.getsockname()[1]}")
    connections.resolve()
    try:
        yield connections
    finally:
        connections.close()
        serving.kill()
        listening.close()


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def exchange(connections: Connections) -> Answer:
    wire = Wire(connections, SECOND, stream=False, emulated=True)
    with gevent.Timeout(10):
        return wire.exchange(wire.connect(), b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n")


def test_a_connection_is_used_again() -> None:
    with answering(OK, OK, OK) as connections:
        assert [exchange(connections).status for _ in range(3)] == [200, 200, 200]
        assert (connections.opened, connections.peak, connections.in_flight) == (1, 1, 0)


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-len",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
        b"what is this\r\n\r\n",
    ],
)
def test_half_an_answer_is_a_broken_connection(broken: bytes) -> None:
    with answering(broken, OK) as connections:
        assert exchange(connections).status == STATUS_CONNECTION
        assert exchange(connections).status == 200, "and the next one has a connection of its own"
        assert connections.opened == 2 and connections.in_flight == 0


def test_who_hangs_up_closes_the_connection() -> None:
    with answering(None, OK) as connections:
        waiting = gevent.spawn(exchange, connections)
        gevent.sleep(0.05)
        assert connections.in_flight == 1
        waiting.kill()
        assert connections.in_flight == 0
        assert exchange(connections).status == 200
        assert connections.opened == 2


def test_nobody_listens() -> None:
    with answering() as connections:
        pass
    with pytest.raises(OSError, match="refused"):
        connections.take()
    assert connections.in_flight == 0 and connections.starved == 0
