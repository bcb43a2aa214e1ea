"""What the emulated provider costs a request, beside the least that the same uvicorn can do; memory in flight."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks.http_load import cost, cpu_of, memory_of, request_bytes, server
from tests.benchmarks.pages import Section, Target

SCENARIO = """
name: bench
duration: 1h
teams:
  many: {workload: {arrivals: {herd: {size: 9}}, model: quick, input_tokens: 9, output_tokens: 20}}
  open: {workload: {arrivals: {herd: {size: 9}}, model: quick, input_tokens: 9, output_tokens: 20}}
  shut: {workload: {arrivals: {herd: {size: 9}}, model: quick, input_tokens: 9, output_tokens: 20}}
models:
  quick: {price: {input: $3, output: $15}, first_token: 20ms, per_token: 0ms}
  slow: {price: {input: $3, output: $15}, first_token: 60s, per_token: 0ms}
configurations:
  mine:
    accounts:
      acme:
        limits: {requests: 100M/min}
        projects:
          open: {teams: [open], limits: {requests: 10M/min}, spend_cap: $1M/month}
          shut: {teams: [shut], limits: {requests: 1/day}, spend_cap: $1M/month}
      other:
        limits: {requests: 100M/min, input_tokens: 1G/min, output_tokens: 1G/min}
        projects:
          many: {teams: [many], limits: {requests: 10M/min, input_tokens: 1G/min, output_tokens: 1G/min}}
"""
CONNECTIONS, MOST, IN_FLIGHT, MEGABYTE = 128, 2.5, 10_000, 1 << 20
BODY: dict[str, Any] = {
    "model": "quick",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "What happens to each team when many share one key? " * 4}],
}


def serving(count: int, rounds: int) -> Section:
    """CPU of the server a request: bare, refused, accepted; rounds take turns."""
    with tempfile.TemporaryDirectory() as folder, server("-m", "tests.benchmarks.bare_server") as bare:
        path = Path(folder, "bench.yaml")
        path.write_text(SCENARIO, "utf-8")
        command = ("-m", "sim", "serve", str(path), "--port", "0", "--json", "--data", folder)
        with server(*command) as (pid, told):
            ports = {"bare handler": (bare[0], int(str(bare[1]["port"])))}
            ports |= dict.fromkeys(
                ("refused", "accepted", "accepted, six limits"),
                (pid, urlsplit(str(told["anthropic_base_url"])).port or 0),
            )
            projects = ("open", "shut", "open", "many")
            requests = {name: _request(told, project) for name, project in zip(ports, projects, strict=True)}
            found = _measure(ports, requests, count, rounds)
            memory, idle = _in_flight(pid, ports["accepted"][1], told)
    return _section(found, memory, idle, count, rounds)


def _request(told: Any, project: str, **more: Any) -> bytes:
    secret = next(key["secret"] for key in told["keys"] if key["project"] == project)
    headers = {"x-api-key": secret, "anthropic-version": "2023-06-01", "user-agent": "Anthropic/Python 2.14.0",
               "accept": "application/json", "x-stainless-retry-count": "0", "x-stainless-lang": "python"}  # fmt: skip
    return request_bytes("/v1/messages", {**BODY, **more}, headers)


def _measure(
    ports: dict[str, tuple[int, int]], requests: dict[str, bytes], count: int, rounds: int
) -> dict[str, tuple[float, float]]:
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in requests}
    for turn in range(rounds + 1):
        for name, request in requests.items():
            micro, rate, statuses = cost(*ports[name], request, count if turn else count // 10, CONNECTIONS)
            assert set(statuses) <= ({429, 200} if name == "refused" else {200}), statuses
            if turn:
                took[name].append((micro, rate))
    return {name: (statistics.median(one for one, _ in all_), statistics.median(one for _, one in all_))
            for name, all_ in took.items()}  # fmt: skip


def _in_flight(pid: int, port: int, told: Any) -> tuple[int, int]:
    """(bytes of the server with 10,000 requests under way, before them)."""
    import resource
    import socket

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    request, idle, open_ones = _request(told, "open", model="slow"), memory_of(pid), []
    try:
        for _ in range(IN_FLIGHT):
            one = socket.create_connection(("127.0.0.1", port))
            one.sendall(request)
            open_ones.append(one)
        _settled(pid)
        return memory_of(pid), idle
    finally:
        for one in open_ones:
            one.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _settled(pid: int) -> None:
    """Wait until the server has read all that was sent: it uses hardly any CPU any more."""
    before = -1.0
    while (now := cpu_of(pid)) - before > 0.05:
        before = now
        time.sleep(0.5)


def _section(found: dict[str, tuple[float, float]], memory: int, idle: int, count: int, rounds: int) -> Section:
    bare = found["bare handler"][0]
    rows = [(name, f"{micro:.0f} µs", f"{micro / bare:.2f} ×", f"{rate:,.0f}") for name, (micro, rate) in found.items()]
    targets = [
        Target(f"CPU of {name} request / bare", found[kind][0] / bare, MOST, most=True)
        for kind, name in (("refused", "a refused"), ("accepted", "an accepted"))
    ]
    targets.append(Target(f"memory, {IN_FLIGHT:,} in flight", memory / MEGABYTE, 400, "MB", most=True))
    return Section(
        "The emulated provider",
        f"CPU of the server's process a request, {count:,} requests on {CONNECTIONS} connections, median of {rounds}.",
        ("answer", "CPU a request", "/ bare", "requests a second"), rows, targets,
        ["Limits of requests on two levels and a spend cap, as in the scenario noisy-neighbour; six limits of requests "
         "and tokens for comparison.",
         f"Idle the server holds {idle / MEGABYTE:.0f} MB; each request in flight takes "
         f"{(memory - idle) / IN_FLIGHT / 1024:.1f} KB, its connection included.",
         "Every answer is in the audit log before it is sent; all that is in these numbers."],
    )  # fmt: skip
