"""How well a replay keeps its schedule: 1,000 requests a second, and 2,000 in flight, all on one machine."""

from __future__ import annotations

import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

from sim.live.order import LiveOrder
from sim.live.outcome import LiveOutcome
from sim.live.run import run_live
from sim.scenario.loader import load
from tests.benchmarks.http_load import server
from tests.benchmarks.pages import Row, Section, Target

RATE, SECONDS, IN_FLIGHT, ANSWER_S = 1000, 30, 2000, 2
LATE_MS, MORE_CONNECTIONS, MS = 10.0, 1.05, 1e6
SCENARIO = """
name: steady
duration: {seconds}s
drain: 15s
teams:
  all:
    workload: {{arrivals: {{poisson: {{rate: {rate}/s}}}}, model: quick, input_tokens: 900, output_tokens: 200}}
    client: {{retry: none, timeout: 60s}}
models:
  quick: {{price: {{input: $3, output: $15}}, first_token: {first}ms, per_token: 0ms}}
configurations:
  free: {{isolation: shared, limits: {{requests: 100M/min}}}}
"""


def live(rounds: int) -> Section:
    """Median of ``rounds`` replays of each kind."""
    quick = [_replayed(RATE, 50) for _ in range(rounds)]
    slow = [_replayed(IN_FLIGHT // ANSWER_S, ANSWER_S * 1000) for _ in range(rounds)]
    rows = [
        _row(f"{RATE:,} requests/s, answers in 50 ms", quick),
        _row(f"{IN_FLIGHT:,} in flight, answers in 2 s", slow),
    ]
    sent = min(one.measured.started / one.measured.planned for one in [*quick, *slow])
    return Section(
        "Replaying live",
        f"`keystorm live`'s replayer (one process) against `keystorm serve` (another) on this machine, {SECONDS} s, "
        f"median of {rounds}. Late is when an attempt arrived at the emulator against the time of its row in the plan.",
        ("replay", "rows sent", "late p50", "late p99", "left late p99", "generator CPU", "connections / in flight"),
        rows,
        (
            Target("rows sent of those planned", 100 * sent, 100, "%"),
            Target(f"late at the server, p99, {RATE:,}/s", _late(quick, "p99_ns"), LATE_MS, "ms", most=True),
            Target(f"connections a request in flight, {IN_FLIGHT:,}", _connections(slow), MORE_CONNECTIONS, most=True),
        ),
        ("Poisson arrivals: several requests share a millisecond, and wait for each other on one core.",),
    )


def _row(name: str, found: list[LiveOutcome]) -> Row:
    sent = min(one.measured.started / one.measured.planned for one in found)
    left = statistics.median(one.measured.late.p99_ns for one in found) / MS
    cpu = statistics.median(one.measured.workers[0].cpu for one in found)
    worker = found[0].measured.workers[0]
    return (
        name, f"{sent:.2%}", f"{_late(found, 'p50_ns'):.2f} ms", f"{_late(found, 'p99_ns'):.2f} ms", f"{left:.2f} ms",
        f"{cpu:.0%}", f"{worker.connections:,} / {worker.in_flight_peak:,}",
    )  # fmt: skip


def _late(found: list[LiveOutcome], which: str) -> float:
    return statistics.median(getattr(one.measured.late_at_server, which) for one in found) / MS


def _connections(found: list[LiveOutcome]) -> float:
    workers = [one.measured.workers[0] for one in found]
    return statistics.median(one.connections / one.in_flight_peak for one in workers)


def _replayed(rate: int, first_ms: int) -> LiveOutcome:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "steady.yaml"
        path.write_text(SCENARIO.format(rate=rate, seconds=SECONDS, first=first_ms), "utf-8")
        command = ("-m", "sim", "serve", str(path), "--port", "0", "--json", "--data", str(folder / "serve"))
        with server(*command) as (_, told):
            keys: Any = told["keys"]
            secrets = {key["name"]: f"BENCH_SECRET_{at}" for at, key in enumerate(keys)}
            held = {secrets[key["name"]]: key["secret"] for key in keys}
            url = str(told["anthropic_base_url"])
            order = LiveOrder(str(path), load(path).sha256, "free", url, secrets, control_url=url)
            return run_live(order, folder / "out", {**os.environ, **held})
