"""Hand-made result tables for the tests of metrics: a few requests, written as seconds and dollars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from sim.metrics.context import CapInfo, ConfigurationInfo, Context, LimitInfo
from sim.results.columns import ATTEMPTS, OUTCOMES, REQUESTS, Column
from sim.scenario.schema import Scenario

SECOND = 1_000_000_000
SHARED = "account:shared:requests"
WORKLOAD = {"arrivals": {"poisson": {"rate": "1/min"}}, "model": "m", "input_tokens": 1, "output_tokens": 1}


@dataclass(frozen=True)
class Try:
    """One attempt: start and end in seconds (end None: still under way), and its answer."""

    at: float
    end: float | None
    status: int = 200
    refused_by: str = ""
    input: int = 0
    output: int = 0
    model: str = "m"
    cost: int = 0


@dataclass(frozen=True)
class Ask:
    """One request with its attempts. ``at`` None: a step that never started. Money in micro-dollars."""

    team: str
    at: float | None
    tries: tuple[Try, ...] = ()
    outcome: str = "succeeded"
    cost: int = 0
    wasted: int = 0
    throttle: float = 0.0
    held: float = 0.0
    status: int | None = None
    asked: str = "m"
    configuration: str = "shared"
    replication: int = 0
    origin: str = "workload"


def good(team: str, at: float, seconds: float = 1.0, **more: Any) -> Ask:
    """A request that succeeds at once."""
    return Ask(team, at, (Try(at, at + seconds),), **more)


def refused(team: str, at: float, by: str = SHARED, **more: Any) -> Ask:
    """A request that is refused with 429 once and gives up."""
    return Ask(team, at, (Try(at, at, 429, by),), "gave_up", **more)


def _ns(seconds: float | None) -> int:
    return -1 if seconds is None else round(seconds * SECOND)


def _request(number: int, ask: Ask) -> dict[str, Any]:
    last = ask.tries[-1] if ask.tries else Try(0, None, -1)
    status = last.status if ask.status is None else ask.status
    done = ask.outcome in ("succeeded", "failed", "gave_up")
    return {
        "configuration": ask.configuration, "replication": ask.replication, "request": number, "team": ask.team,
        "key": "k", "model": ask.asked, "origin": ask.origin, "arrival_ns": _ns(ask.at),
        "finish_ns": _ns(last.end) if done else -1, "outcome": ask.outcome, "status": status,
        "attempts": len(ask.tries), "last_model": ask.tries[-1].model if ask.tries else "m",
        "input_tokens": 0, "cached_tokens": 0, "output_tokens": 0,
        "cost_microusd": ask.cost, "wasted_microusd": ask.wasted, "throttle_wait_ns": _ns(ask.throttle),
        "client_wait_ns": _ns(ask.held),
        "refused_by": next((one.refused_by for one in reversed(ask.tries) if one.refused_by), ""),
    }  # fmt: skip


def _attempt(number: int, ask: Ask, index: int, one: Try) -> dict[str, Any]:
    return {
        "configuration": ask.configuration, "replication": ask.replication, "request": number, "attempt": index,
        "team": ask.team, "key": "k", "model": one.model, "at_ns": _ns(one.at), "end_ns": _ns(one.end),
        "status": one.status, "refused_by": one.refused_by, "retry_after_ns": -1, "input_tokens": one.input,
        "output_tokens": one.output, "cost_microusd": one.cost,
    }  # fmt: skip


def frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> pd.DataFrame:
    """Rows as a frame with the types of ``columns``."""
    table = pd.DataFrame(list(rows), columns=[column.name for column in columns])
    for column in columns:
        if column.name == "outcome":
            table[column.name] = pd.Categorical(table[column.name], categories=list(OUTCOMES))
        else:
            table[column.name] = table[column.name].astype(column.type)
    return table


def tables(asks: Sequence[Ask]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both result tables. Requests are numbered within their configuration and replication."""
    numbers: dict[tuple[str, int], int] = {}
    requests, attempts = [], []
    for ask in asks:
        run = ask.configuration, ask.replication
        number = numbers.get(run, 0)
        numbers[run] = number + 1
        requests.append(_request(number, ask))
        attempts += [_attempt(number, ask, index, one) for index, one in enumerate(ask.tries)]
    return frame(requests, REQUESTS), frame(attempts, ATTEMPTS)


def scenario(teams: Mapping[str, int], configurations: Sequence[str] = ("shared",), **more: Any) -> Scenario:
    """A scenario of 10 minutes after 1 of warm-up, with these teams and their services."""
    given = {
        "name": "made-by-hand", "duration": "11m", "warmup": "1m", "drain": "1m", "replications": 1,
        "teams": {name: {"services": services, "workload": WORKLOAD} for name, services in teams.items()},
        "configurations": {name: {"isolation": "shared"} for name in configurations},
    }  # fmt: skip
    return Scenario.model_validate({**given, **more})


def limit(name: str = SHARED, dimension: str = "requests", teams: Sequence[str] = ("a", "b"), **more: Any) -> LimitInfo:
    """A limit of 60 a minute."""
    given = {"level": "account", "per_minute": 60.0, "burst": 60.0, **more}
    return LimitInfo(name=name, dimension=dimension, teams=tuple(teams), **given)


def cap(name: str = "account:shared", dollars: float = 1.0, period_s: float = 300.0, **more: Any) -> CapInfo:
    """A spend cap over teams a and b with an alert at 80 %."""
    given = {"mode": "postpaid", "teams": ("a", "b"), "alerts": (Fraction(4, 5),), "level": "account", **more}
    return CapInfo(name=name, amount=round(dollars * 10**6), period_ns=_ns(period_s), per="$1/5m", **given)


def context(made: Scenario, limits: Sequence[LimitInfo] = (), caps: Sequence[CapInfo] = ()) -> Context:
    """The context of a scenario in which every configuration has these limits and spend caps."""
    info = ConfigurationInfo({"requests_per_min": 60.0}, tuple(limits), tuple(caps))
    return Context(made, "ab" * 32, "plain", dict.fromkeys(made.configurations, info), 3, 3, "cd" * 32)


def random_tables(rng: np.random.Generator, teams: Sequence[str], replications: int, size: int) -> list[Ask]:
    """Random but consistent requests of one configuration, some before the end of the warm-up."""
    asks = []
    for replication in range(replications):
        for _ in range(size):
            at, count = float(rng.uniform(0, 660)), int(rng.integers(1, 4))
            ends = [(429, SHARED), (503, "storm:503"), (200, "")]
            tries = [Try(at + 5 * n, at + 5 * n + 1, *ends[int(rng.integers(0, 2))]) for n in range(count)]
            outcome = str(rng.choice(["succeeded", "succeeded", "failed", "gave_up", "unfinished"]))
            if outcome == "succeeded":
                tries[-1] = Try(tries[-1].at, tries[-1].at + float(rng.exponential(3)))
            asks.append(Ask(
                teams[int(rng.integers(len(teams)))], at, tuple(tries), outcome,
                cost=int(rng.integers(0, 9999)), wasted=7, throttle=5.0 * (count - 1), replication=replication,
            ))  # fmt: skip
    return asks
