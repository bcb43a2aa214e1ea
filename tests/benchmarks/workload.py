"""The plain workload that every competitor gets: one token bucket, answers that take a while, retries.

It is keystorm's own plan and keystorm's own draws, so that whoever simulates it right must agree on every
request: outcome, attempts, finish and cost. For those who would draw random numbers themselves the draws
stand ready in lists, which costs them nothing; compiled code (keystorm's and C) computes them as it runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.draws import FIRST_TOKEN, JITTER, MASK62, PER_TOKEN, mix
from sim.engine.digest import of_sums
from sim.engine.fold import SALTS, fold
from sim.engine.tables import World
from sim.engine.world import Setting, build_setting, build_world
from sim.policy.backoff import STEPS
from sim.policy.service import KNOTS, WIDTH
from sim.scenario.loader import Loaded, load_text
from sim.scenario.plan import Plan, build_plan, expected_by_team, model_names
from sim.scenario.topology import build_topology

I64 = NDArray[np.int64]

RATE = 6000
"""Requests a minute: what the limit lets pass and what arrives, so that some are refused all the time."""
ATTEMPTS = 5
SCENARIO = """\
name: plain
duration: {seconds}s
drain: 10m
teams:
  one:
    workload:
      - arrivals: {{poisson: {{rate: {arrivals}/min}}}}
        model: claude-sonnet-4-5
        input_tokens: {{median: 900, p95: 4000}}
        output_tokens: {{median: 20, p95: 80}}
    client:
      retry: {{max_attempts: {attempts}, base: 1s, cap: 20s, jitter: full, obey_retry_after: false}}
configurations:
  shared: {{isolation: shared, limits: {{requests: {rate}/min, burst: 20}}}}
"""


@dataclass(frozen=True)
class Outcome:
    """What became of each request, int64 ``(n,)``: 0 succeeded, 2 gave up; times in ns, micro-dollars."""

    outcome: I64
    attempts: I64
    finish: I64
    cost: I64

    @classmethod
    def of(cls, outcome: Any, attempts: Any, finish: Any, cost: Any) -> Outcome:
        """From four sequences."""
        return cls(*(np.asarray(column, np.int64) for column in (outcome, attempts, finish, cost)))

    def digest(self) -> str:
        """As :func:`sim.engine.digest.digest` makes it of a run."""
        with np.errstate(over="ignore"):
            hashed = [
                fold(np.arange(len(self.outcome)), self.outcome, self.attempts, self.finish, self.cost, salt)
                for salt in SALTS
            ]
        return of_sums(len(self.outcome), [int(np.sum(one)) & MASK62 for one in hashed])


def _draw32(key: I64, attempt: int, purpose: int) -> I64:
    """:func:`sim.draws.draw32` on arrays."""
    golden = 0x1E3779B97F4A7C15
    with np.errstate(over="ignore"):
        inner = mix((key + np.int64((attempt * 1024 + purpose) * golden & MASK62)) & MASK62)
        return np.asarray(mix((inner + golden) & MASK62) >> 30, np.int64)


def _answers(knots: I64, u: I64) -> I64:
    """:func:`sim.policy.service.drawn` on arrays."""
    cell, rest = u >> 20, u & 0xFFFFF
    tail = cell == KNOTS - 1
    at = np.where(tail, KNOTS + 1 + (rest >> 8), cell)
    rest, bits = np.where(tail, rest & 0xFF, rest), np.where(tail, 8, 20)
    width = knots[at + 1] - knots[at]
    return np.asarray(knots[at] + (width >> bits) * rest + (((width & ((1 << bits) - 1)) * rest) >> bits), np.int64)


@dataclass(frozen=True)
class Case:
    """The workload before its tables are built."""

    setting: Setting
    plan: Plan


@dataclass(frozen=True)
class Plain:
    """The workload: what arrives, what was drawn, and the few numbers of limit, price and client.

    ``service`` and ``delay`` hold ``ATTEMPTS`` entries a request: how long the answer to that attempt takes,
    and the client's delay after it failed. A token costs ``unit`` credits, ``rate`` come back a nanosecond.
    """

    case: Case
    world: World
    arrival: I64
    uncached: I64
    cached: I64
    output: I64
    service: I64
    delay: I64
    rate: int
    unit: int
    burst: int
    round_trip: int
    prices: tuple[int, int, int]

    @cached_property
    def cost(self) -> I64:
        """Micro-dollars of each request, when it succeeds."""
        token_in, token_cached, token_out = self.prices
        total = self.uncached * token_in + self.cached * token_cached + self.output * token_out
        return np.asarray((total + 500_000) // 1_000_000, np.int64)


def scenario_of(requests: int, load: float = 1.0) -> Loaded:
    """The workload's scenario with about this many requests, arriving at ``load`` times what the limit lets pass."""
    arrivals = round(load * RATE)
    seconds = max(1, round(60 * requests / arrivals))
    text = SCENARIO.format(seconds=seconds, arrivals=arrivals, rate=RATE, attempts=ATTEMPTS)
    return load_text(text, Path("plain.yaml"))


def setting_of(loaded: Loaded) -> Setting:
    """The scenario's only configuration."""
    scenario = loaded.scenario
    expected = expected_by_team(scenario, loaded.traces)
    topology = build_topology("shared", scenario.configurations["shared"], expected)
    return build_setting(scenario, topology, tuple(sorted(scenario.teams)), model_names(scenario))


def plain_case(requests: int, load: float = 1.0) -> Case:
    """The workload with about this many requests, drawn."""
    loaded = scenario_of(requests, load)
    return Case(setting_of(loaded), build_plan(loaded.scenario, 0, loaded.traces))


def rebuilt(case: Case) -> World:
    """keystorm's tables of a case."""
    return build_world(case.setting, case.plan)


def plain(requests: int, load: float = 1.0) -> Plain:
    """The workload for everybody. Raises ValueError when an answer takes longer than the client waits."""
    case = plain_case(requests, load)
    world = rebuilt(case)
    asked, limit, price, client = world.requests, world.rules.limits[0], world.rules.prices[0], world.clients[0]
    service, delay = _draws(world)
    if int(service.max()) >= client.timeout:
        raise ValueError("an answer of the plain workload takes longer than the client's timeout")
    return Plain(
        case, world, *(np.ascontiguousarray(asked[name]) for name in ("arrival", "uncached", "cached", "output")),
        service, delay, limit.rate, limit.unit, limit.cap // limit.unit, world.rules.provider.round_trip,
        (price.input, price.cached, price.output),
    )  # fmt: skip


def _draws(world: World) -> tuple[I64, I64]:
    """Answer times and delays of all attempts, flat, ``ATTEMPTS`` a request."""
    key, output = world.requests["draw_key"], world.requests["output"]
    knots = world.knots
    client = world.clients[0]
    services, delays = [], []
    for number in range(ATTEMPTS):
        first = _answers(knots[:WIDTH], _draw32(key, number, FIRST_TOKEN))
        each = _answers(knots[WIDTH : 2 * WIDTH], _draw32(key, number, PER_TOKEN))
        services.append(first + each * output)
        step = world.delays[client.throttle + min(number, STEPS - 1)]
        factor = client.low + ((client.span * (_draw32(key, number, JITTER) >> 4)) >> 28)
        delays.append((step >> 28) * factor + (((step & ((1 << 28) - 1)) * factor) >> 28))
    return np.stack(services, axis=1).ravel(), np.stack(delays, axis=1).ravel()
