"""A hundred thousand malformed requests: no 5xx of the server's own, no exception, no memory that stays."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from tests.emulator.server import SCENARIO, VERSION, message

ROOT = Path(__file__).parents[2]
REQUESTS, SEED = 100_000, 35
BATCH = 25
"""Requests on one connection before a new one."""
PATHS = (
    "/v1/messages", "/v1/chat/completions", "/v1/messages/count_tokens", "/v1/models", "/v1/models/%ff", "/v1/x",
    "/keystorm/faults", "/keystorm/keys", "/keystorm/keys/rotate", "/keystorm/webhooks", "/v1/audit/logs?limit=-1",
    "/v1/audit/logs?from=%00", "/%2e%2e/etc/passwd", "/keystorm/dashboard.js", "/metrics", "*", "//", "/\u00e9",
)  # fmt: skip
METHODS = ("POST",) * 12 + ("GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "BREW")
ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1e308, 10**30, "", "x" * 3000, "\x00", "\ud800", [], {}, [[]], [None],
    {"a": {}}, float("nan"),
)  # fmt: skip


def mutated(dice: random.Random, value: Any, depth: int = 0) -> Any:
    """The value with something in it replaced, removed or nested."""
    if depth > 3 or dice.random() < 0.25:
        return dice.choice(ODD)
    if isinstance(value, dict) and value:
        name = dice.choice(list(value))
        if dice.random() < 0.2:
            return {key: one for key, one in value.items() if key != name}
        return {**value, name: mutated(dice, value[name], depth + 1)}
    if isinstance(value, list) and value:
        return [mutated(dice, value[0], depth + 1), *value[1:]]
    return dice.choice(ODD)


def body(dice: random.Random) -> bytes:
    """JSON with something wrong, or no JSON at all."""
    kind = dice.randrange(10)
    whole = message(
        stream=dice.random() < 0.1, system="be brief", temperature=0.5, tools=[{"name": "t", "input_schema": {}}]
    )
    text = json.dumps(mutated(dice, whole)).encode()
    if kind == 0:
        return dice.randbytes(dice.randrange(200))
    if kind == 1:
        return text[: dice.randrange(len(text) + 1)]
    if kind == 2:
        return b"[" * dice.choice((10, 5000, 100_000))
    if kind == 3:
        return b'{"model":"claude-sonnet-5","max_tokens":' + b"9" * dice.choice((20, 5000)) + b"}"
    return text


def headers(dice: random.Random, secret: str) -> dict[str, str]:
    """What a client sends, with something missing, wrong or enormous."""
    found = {"host": "127.0.0.1", "x-api-key": secret, **VERSION, "content-type": "application/json"}
    odd = {"x-api-key": "ks-test-\u00ff", "authorization": "Bearer", "anthropic-version": "2020-01-01",
           "x-keystorm-plan": "request=1;;=",
           "x-keystorm-team": "\u00fe", "x-stainless-retry-count": "-1", "user-agent": "=" * 5000,
           "expect": "100-continue",
           "content-type": "\u00ff", "x-empty": "", "accept": "text/csv", "origin": "http://[", "host": "[",
           "connection": "upgrade", "upgrade": "websocket", "x-a": "b" * 9000}  # fmt: skip
    for name in dice.sample(list(odd), dice.randrange(3)):
        found[name] = odd[name]
    if dice.random() < 0.1:
        found.pop(dice.choice(list(found)))
    return found


def raw(dice: random.Random, secret: str) -> tuple[bytes, bool]:
    """(one request, whether the connection is good for another): bad sizes, truncation and noise among them."""
    said, sent = body(dice), headers(dice, secret)
    size: object = len(said)
    whole = dice.random() > 0.05
    if not whole:
        size = dice.choice(("-1", "x", "99999999999999999999", len(said) + 50, "0x10", ""))
    lines = [f"{dice.choice(METHODS)} {dice.choice(PATHS)} HTTP/1.{dice.choice('1111110')}"]
    lines += [f"{name}: {value}" for name, value in sent.items()]
    if dice.random() < 0.02:
        lines.append("transfer-encoding: chunked")
        whole = False
    data = ("\r\n".join([*lines, f"content-length: {size}", "", ""])).encode("latin-1") + said
    if dice.random() < 0.02:
        return data[: dice.randrange(len(data))], False
    if dice.random() < 0.02:
        return dice.randbytes(300), False
    return data, whole


def send_batch(address: tuple[str, int], dice: random.Random, secret: str, seen: Counter[int]) -> int:
    """Up to BATCH requests on one connection; how many were sent."""
    with socket.create_connection(address, 20) as one:
        one.settimeout(20)
        for sent in range(1, BATCH + 1):
            data, good = raw(dice, secret)
            try:
                one.sendall(data)
                if not good:
                    one.shutdown(socket.SHUT_WR)
                status, stays = answer_of(one, bodiless=data.startswith(b"HEAD"))
            except TimeoutError:
                pytest.fail(f"no answer to {data[:300]!r}")
            except OSError:  # the server has closed
                return sent
            seen[status] += 1
            if not (good and stays):
                return sent
    return BATCH


def answer_of(one: socket.socket, *, bodiless: bool) -> tuple[int, bool]:
    """(status, whether the connection stays) of an answer; 0 when there was none."""
    found = b""
    while b"\r\n\r\n" not in found:
        part = one.recv(65536)
        if not part:
            return 0, False
        found += part
        if found.startswith(b"HTTP/1.1 100"):
            found = found.partition(b"\r\n\r\n")[2]
    head, _, rest = found.partition(b"\r\n\r\n")
    head = head.lower()
    status, stays = int(head.split()[1]), b"content-length: " in head and b"connection: close" not in head
    # A stream's end is not looked for: what follows it is asked on a new connection.
    size = int(head.split(b"content-length: ")[1].split(b"\r\n")[0]) if stays and not bodiless else 0
    while len(rest) < size and (part := one.recv(65536)):
        rest += part
    return status, stays and len(rest) >= size


@pytest.fixture
def started(tmp_path: Path) -> Any:
    """A server in a process of its own: (process, what it told, its standard error)."""
    text = SCENARIO.replace("first_token: 20ms, per_token: 2ms", "first_token: 0ms, per_token: 0ms")
    (tmp_path / "desk.yaml").write_text(
        text.replace("duration: 1h", "duration: 1h\nprovider: {round_trip: 0}"), "utf-8"
    )
    errors = (tmp_path / "stderr").open("w+b")
    command = [sys.executable, "-m", "sim", "serve", str(tmp_path / "desk.yaml"), "--port", "0", "--json"]
    with subprocess.Popen(
        [*command, "--data", str(tmp_path / "data")], stdout=subprocess.PIPE, stderr=errors, cwd=ROOT
    ) as running:
        assert running.stdout is not None
        yield running, json.loads(running.stdout.readline()), errors
        running.kill()
    errors.close()


def fuzz(started: Any, count: int, leak: Callable[[int], None] | None = None) -> Counter[int]:
    """So many requests; statuses as they came."""
    running, told, _ = started
    parts, dice = urlsplit(told["anthropic_base_url"]), random.Random(SEED)
    secret = next(key["secret"] for key in told["keys"] if key["project"] == "data")
    seen: Counter[int] = Counter()
    sent, reported = 0, 0
    while sent < count:
        sent += send_batch((parts.hostname, parts.port), dice, secret, seen)
        if leak is not None and sent >= reported:
            leak(sent)
            reported = sent + count // 10
    assert running.poll() is None
    return seen


def check(started: Any, seen: Counter[int]) -> None:
    """No answer with a 5xx, no word on standard error, and it still answers."""
    _, told, errors = started
    errors.seek(0)
    assert {status for status in seen if status >= 500} == set(), (seen, errors.read().decode()[-3000:])
    assert {200, 400, 401, 404, 405} <= set(seen)
    errors.seek(0)
    assert errors.read().decode() == ""
    secret = next(key["secret"] for key in told["keys"] if key["project"] == "data")
    answer = httpx.post(f"{told['anthropic_base_url']}/v1/messages", json=message(), trust_env=False,
                        headers={"x-api-key": secret, **VERSION})  # fmt: skip
    assert answer.status_code in (200, 429)
    state = httpx.get(told["state"], trust_env=False).json()
    assert state["requests"]["in_flight"] == 0


def test_two_thousand_malformed_requests(started: Any) -> None:
    check(started, fuzz(started, 2000))


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("KEYSTORM_FUZZ") == "0", reason="KEYSTORM_FUZZ=0")
def test_a_hundred_thousand_malformed_requests_leave_no_memory_behind(started: Any) -> None:
    held: list[int] = []
    process = psutil.Process(started[0].pid)
    seen = fuzz(started, REQUESTS, lambda _: held.append(process.memory_info().rss >> 10))
    check(started, seen)
    # The first tenth warms caches up; a leak of 100 bytes a request would be 8 MB over the rest.
    assert held[-1] - held[2] < 8_000, held
