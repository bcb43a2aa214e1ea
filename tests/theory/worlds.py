"""Small worlds for the tests of theory: scenarios as dicts, run to the end, with intervals for their means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from sim.engine.run import run_world
from sim.engine.tables import LOG, RunResult, World
from sim.engine.world import Setting, build_setting, build_world
from sim.policy.service import WIDTH
from sim.scenario.plan import Plan, build_plan, expected_by_team, model_names
from sim.scenario.schema import Scenario
from sim.scenario.topology import build_topology
from tests.property.drivers import compiled, service_times

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Body = dict[str, Any]

INSTANT: Body = {"price": {"input": "$1", "output": "$1"}, "first_token": 0, "per_token": 0}
"""A model that answers at once."""


@dataclass(frozen=True)
class Ran:
    """One replication: what was planned, the world made of it, and what became of it."""

    setting: Setting
    plan: Plan
    world: World
    result: RunResult

    def of(self, team: str) -> NDArray[np.bool_]:
        """Which requests are a team's."""
        return self.plan.team == self.plan.teams.index(team)


@dataclass(frozen=True)
class Mean:
    """The mean of independent replications with a t-interval of ``level``."""

    value: float
    half: float

    def covers(self, exact: float) -> bool:
        return abs(self.value - exact) <= self.half

    def rejects(self, exact: float, share: float) -> bool:
        """Whether a truth that much larger or smaller would have been noticed."""
        return not self.covers(exact * (1 + share)) and not self.covers(exact * (1 - share))


LEVEL = 0.999
"""Of one interval. A hundred of them at a fixed seed: one honest model in ten would miss one."""


def mean(values: Sequence[float] | F64, controls: F64 | None = None, level: float = LEVEL) -> Mean:
    """The mean over replications, each of which is one independent value.

    ``controls``, ``(replications, k)``, are other averages of the same replications less their
    exact expectations (a mean service time, a number of arrivals). What they explain is taken out
    by regression, the intercept is the mean: control variates (Law, Simulation Modeling, ch. 11).
    """
    found = np.asarray(values, float)
    columns = [np.ones(len(found))] + ([] if controls is None else list(np.asarray(controls, float).T))
    design = np.stack(columns, axis=1)
    fitted, *_ = np.linalg.lstsq(design, found, rcond=None)
    free = len(found) - design.shape[1]
    variance = ((found - design @ fitted) ** 2).sum() / free * np.linalg.inv(design.T @ design)[0, 0]
    return Mean(float(fitted[0]), float(stats.t.ppf((1 + level) / 2, free) * np.sqrt(variance)))


def team(rate: str, model: str = "m", *, client: Body | None = None, arrivals: Body | None = None) -> Body:
    """A team with Poisson arrivals of one-token requests and, unless given, no retries."""
    workload = {"arrivals": arrivals or {"poisson": {"rate": rate}}, "model": model,
                "input_tokens": 1, "output_tokens": 1, "max_tokens": 1}  # fmt: skip
    return {"workload": workload, "client": client or {"retry": "none"}}


def scenario(teams: Mapping[str, Body], duration: str, *, models: Mapping[str, Body] | None = None,
             accounts: Body | None = None, **more: Any) -> Scenario:  # fmt: skip
    """A scenario with one configuration: the accounts as written, or one key for all."""
    key = {"accounts": accounts} if accounts else {"isolation": "shared"}
    body = {"name": "theory", "duration": duration, "drain": "2h", "seed": 35, "teams": dict(teams),
            "models": models or {"m": INSTANT}, "configurations": {"c": key}}  # fmt: skip
    return Scenario.model_validate({**body, **more})


def runs(given: Scenario, replications: int, engine: str = "compiled") -> Iterator[Ran]:
    """Each replication of a scenario with one configuration."""
    ((name, configuration),) = given.configurations.items()
    topology = build_topology(name, configuration, expected_by_team(given, {}))
    setting = build_setting(given, topology, tuple(sorted(given.teams)), model_names(given))
    for replication in range(replications):
        plan = build_plan(given, replication, {})
        world = build_world(setting, plan)
        yield Ran(setting, plan, world, run_world(engine, world))


def first_tokens(ran: Ran) -> I64:
    """Each request's time to the first token in its first attempt, int64 ``(n,)``, from its own luck."""
    knots = np.asarray(ran.world.knots, np.int64)
    found: I64 = compiled(service_times)(knots, ran.plan.draw_key, ran.plan.model * 2 * WIDTH)
    return found


def first_attempts(ran: Ran) -> I64:
    """The log's line of each request's first attempt, ``(n, LOG_WIDTH)``; every request must have one."""
    lines = ran.result.log[ran.result.log[:, LOG.index("attempt")] == 0]
    assert np.array_equal(lines[:, LOG.index("request")], np.arange(len(ran.plan)))
    return lines
