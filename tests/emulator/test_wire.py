"""What happens on the connection: resets, halves, freezes, drips, hang-ups, and HTTP's own corners."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from sim.units import MS, SECOND
from sim.workload.plan_header import NAME, PlannedAttempt, write
from tests.emulator.raw import connected, read_all, read_answer, request
from tests.emulator.server import Served, message


def rows_of(served: Served, count: int) -> list[dict[str, Any]]:
    """The audit log, once it has so many rows."""
    end = time.monotonic() + 20
    while len(rows := served.rows()) < count and time.monotonic() < end:
        time.sleep(0.02)
    return rows


@pytest.mark.parametrize("stream", [False, True])
def test_a_reset_is_a_reset(served: Served, stream: bool) -> None:
    served.inject(reset={"count": 1})
    with connected(served) as one:
        one.sendall(request(served, message(stream=stream)))
        with pytest.raises(ConnectionResetError):
            read_all(one)
    (row,) = rows_of(served, 1)
    assert (row["status"], row["fault"], row["output_tokens"]) == (0, "reset", row["output_tokens"])


def test_a_reset_in_the_middle_of_a_stream_comes_after_some_tokens(served: Served) -> None:
    served.inject(latency={"factor": 50, "for": "1m"})
    served.inject(reset={"after_tokens": 3})
    with connected(served) as one:
        one.sendall(request(served, message(stream=True)))
        parts: list[bytes] = []
        with pytest.raises(ConnectionResetError):
            parts.extend(iter(lambda: one.recv(65536), b""))
    found = b"".join(parts)
    assert b"event: content_block_delta" in found and b"message_stop" not in found
    (row,) = rows_of(served, 1)
    assert row["status"] == 0 and 0 < row["output_tokens"] < 12 and row["cost_usd"] > 0


def test_a_scenario_s_own_resets_cut_connections(served: Served) -> None:
    served.inject(connection_reset={"for": "1m"})
    with connected(served) as one:
        one.sendall(request(served))
        with pytest.raises(ConnectionResetError):
            read_all(one)
    served.call("DELETE", "/keystorm/faults")
    served.inject(connection_reset={"for": "1m", "when": "connect"})
    with connected(served) as one:
        one.sendall(request(served))
        with pytest.raises(ConnectionResetError):
            read_all(one)
    first, second = rows_of(served, 2)
    assert (first["status"], first["refused_by"]) == (0, "") and first["cost_usd"] > 0
    assert (second["status"], second["refused_by"], second["cost_usd"]) == (0, "connection:reset", 0)


def test_half_a_body_promises_more_than_it_sends(served: Served) -> None:
    served.inject(half_body={"part": "50%"})
    with connected(served) as one:
        one.sendall(request(served))
        head, _, body = read_all(one).partition(b"\r\n\r\n")
    promised = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    assert head.startswith(b"HTTP/1.1 200") and 0 < len(body) == promised // 2


def test_half_a_stream_has_no_last_chunk(served: Served) -> None:
    served.inject(half_body={})
    with connected(served) as one:
        one.sendall(request(served, message(stream=True)))
        found = read_all(one)
    assert b"content_block_delta" in found and b"message_stop" not in found and not found.endswith(b"0\r\n\r\n")


def test_a_drip_arrives_in_small_pieces_and_whole(served: Served) -> None:
    served.inject(drip={"size": 40, "gap": "10ms"})
    pieces: list[bytes] = []
    with connected(served) as one:
        one.sendall(request(served, headers={"connection": "close"}))
        while part := one.recv(65536):
            pieces.append(part)
    body = b"".join(pieces).partition(b"\r\n\r\n")[2]
    assert json.loads(body)["type"] == "message" and len(pieces) > 5


def test_a_freeze_ends_with_the_fault(served: Served) -> None:
    served.inject(freeze={"for": "400ms"})
    before = time.monotonic()
    with connected(served) as one:
        one.sendall(request(served))
        status, _, _ = read_answer(one)
    assert status == 200 and time.monotonic() - before >= 0.3, "20 ms and 24 ms without the freeze"


def test_a_client_that_hangs_up_is_billed_for_what_was_produced(served: Served) -> None:
    served.inject(latency={"factor": 50, "for": "1m"})
    with connected(served) as one:
        one.sendall(request(served))
        time.sleep(1.5)  # a second until the first token, then 0.1 s a token
    (row,) = rows_of(served, 1)
    assert row["status"] == 499 and 0 < row["output_tokens"] < 12 and row["cost_usd"] > 0
    assert served.call("GET", "/keystorm/state").json()["requests"]["in_flight"] == 0


def test_a_queue_for_a_slot_is_first_come_first_served(served: Served) -> None:
    said = message(model="slotted")
    with connected(served) as first, connected(served) as second, connected(served) as third:
        served.inject(latency={"factor": 10, "for": "1m"})
        first.sendall(request(served, said, project="default"))
        time.sleep(0.1)
        second.sendall(request(served, said, project="default"))
        time.sleep(0.1)
        third.sendall(request(served, said, project="default"))
        assert read_answer(third)[0] == 529, "one slot, one place in the queue"
        assert read_answer(first)[0] == 200
        assert read_answer(second)[0] == 200
    rows = {row["request_id"]: row for row in rows_of(served, 3)}
    waited = [row["latency_ms"] for row in rows.values() if row["status"] == 200]
    assert waited[1] - waited[0] > 200, "the second waited for the first, 0.44 s"


def test_who_leaves_the_queue_leaves_its_place(served: Served) -> None:
    said = message(model="slotted")
    with connected(served) as first, connected(served) as third:
        served.inject(latency={"factor": 20, "for": "1m"})
        first.sendall(request(served, said, project="default"))
        time.sleep(0.1)
        with connected(served) as second:
            second.sendall(request(served, said, project="default"))
            time.sleep(0.1)
        assert rows_of(served, 1)[0]["status"] == 499
        third.sendall(request(served, said, project="default"))
        assert read_answer(first)[0] == read_answer(third)[0] == 200


def test_a_brown_out_s_end_starts_who_waits(served: Served) -> None:
    served.inject(brown_out={"for": "600ms", "slots": "0%"})
    with connected(served) as one:
        one.sendall(request(served, message(model="slotted"), project="default"))
        assert read_answer(one)[0] == 200
    assert rows_of(served, 1)[0]["latency_ms"] >= 300


# HTTP itself


def test_a_connection_is_kept_and_requests_may_be_pipelined(served: Served) -> None:
    with connected(served) as one:
        for _ in range(3):
            one.sendall(request(served))
            assert read_answer(one)[0] == 200
        one.sendall(
            request(served)
            + request(served, message(max_tokens="x"))
            + request(served, headers={"connection": "close"})
        )
        answers = read_all(one)
    assert [part.split()[0] for part in answers.split(b"HTTP/1.1 ")[1:]] == [b"200", b"400", b"200"]


def test_an_old_client_gets_an_answer_that_ends_with_the_connection(served: Served) -> None:
    with connected(served) as one:
        one.sendall(request(served, message(stream=True), version="1.0"))
        head, _, body = read_all(one).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower() and b"connection: close" in head.lower()
    assert body.startswith(b"event: message_start") and body.endswith(b'{"type":"message_stop"}\n\n')


def test_expect_continue_is_answered(served: Served) -> None:
    head, _, body = request(served, headers={"expect": "100-continue"}).partition(b"\r\n\r\n")
    with connected(served) as one:
        one.sendall(head + b"\r\n\r\n")
        assert one.recv(100).startswith(b"HTTP/1.1 100")
        one.sendall(body)
        assert read_answer(one)[0] == 200


def test_a_body_may_come_in_pieces_and_chunks(served: Served) -> None:
    body = json.dumps(message()).encode()
    head = request(served, "x").partition(b"\r\n\r\n")[0].replace(b"content-length: 3", b"transfer-encoding: chunked")
    with connected(served) as one:
        one.sendall(head + b"\r\n\r\n")
        for at in range(0, len(body), 30):
            part = body[at : at + 30]
            one.sendall(b"%x\r\n%b\r\n" % (len(part), part))
            time.sleep(0.01)
        one.sendall(b"0\r\n\r\n")
        assert read_answer(one)[0] == 200


def test_what_is_too_large_is_refused(served: Served) -> None:
    head = request(served, "x").partition(b"\r\n\r\n")[0].replace(b"content-length: 3", b"content-length: 40000000")
    with connected(served) as one:
        one.sendall(head + b"\r\n\r\n")
        try:
            for _ in range(40):
                one.sendall(b" " * 1_000_000)
        except OSError:
            pass  # the server may close before it has taken all
        else:
            assert read_answer(one)[0] == 413
    with connected(served) as one:
        one.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-long: ")
        try:
            for _ in range(100):
                one.sendall(b"a" * 10_000)
                time.sleep(0.001)
            found = one.recv(100)
        except ConnectionError:
            found = b"HTTP/1.1 431"
    assert found.startswith(b"HTTP/1.1 431")
    assert served.call("GET", "/keystorm/health").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/messages", 405), ("DELETE", "/v1/chat/completions", 405), ("POST", "/v1/models", 405),
        ("HEAD", "/v1/models", 401), ("POST", "/v1/none", 404), ("GET", "/none", 404), ("GET", "/", 200),
        ("PUT", "/keystorm/state", 405), ("GET", "/keystorm/dashboard.exe", 404),
    ],
)  # fmt: skip
def test_other_methods_and_paths(served: Served, method: str, path: str, status: int) -> None:
    assert served.call(method, path, follow_redirects=True).status_code == status


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_leaves_earlier_by_what_its_way_took(served: Served, stream: bool) -> None:
    served.inject(latency={"factor": 1000, "for": "10m"})
    first_token = 20 * SECOND
    said = PlannedAttempt(0, 0, 7, "analytics", 0, 9, 0, 12, at=0)
    with connected(served, 0.5) as one:
        prompt = write(said._replace(at=served.site.clock.now()))
        one.sendall(request(served, message(stream=stream), headers={NAME: prompt}))
        with pytest.raises(TimeoutError):
            read_all(one)
    served.site.clock.start(time.time_ns() - 10 * first_token)
    with connected(served) as one:
        one.sendall(request(served, message(stream=stream), headers={NAME: write(said), "connection": "close"}))
        assert read_all(one).startswith(b"HTTP/1.1 200")
    row = next(row for row in rows_of(served, 2) if row["status"] == 200)
    assert row["latency_ms"] * MS < first_token, "it was on its way for longer than it takes"
