"""The log replayed and the fitted scenario, everybody on one key, under the same test limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sim.metrics.stats import interval
from sim.scenario.loader import Loaded
from sim.scenario.plan import build_plan
from sim.scenario.schema import Team
from sim.scenario.workloads import Trace, Workload
from sim.study.fitting.arrivals import burstiness
from sim.study.fitting.bench import Bench, Traffic, fitting_limits, likely, limit_text
from sim.study.fitting.log import Log
from sim.study.fitting.types import Burstiness, Estimate, LimitTest, Options, StreamFit
from sim.units import MINUTE
from sim.workload.importers.trace_rows import TraceRows

F64 = NDArray[np.float64]

DIMENSIONS = ("requests", "tokens")
TOTAL = "total"


def replay_traffic(
    log: Log, models: Mapping[str, str]
) -> tuple[dict[str, Team], dict[Trace, TraceRows]]:  # fmt: skip
    """The teams of a log, each replaying its own rows model by model, and those rows."""
    teams: dict[str, Team] = {}
    traces: dict[Trace, TraceRows] = {}
    for code, team in enumerate(log.teams):
        works = []
        for number, model in enumerate(log.models):
            mine = (log["team"] == code) & (log["model"] == number)
            if mine.any():
                trace = Trace(file=f"{team}: {model}")
                traces[trace] = log.where(mine).trace()
                works.append(Workload.model_validate({"arrivals": {"trace": trace}, "model": models[model]}))
        if works:
            teams[team] = Team(workload=tuple(works))
    return teams, traces


def throttling(log: Log, loaded: Loaded, models: Mapping[str, str], options: Options) -> Iterator[LimitTest]:
    """Refusals at test limits on requests and on tokens, of everybody and team by team."""
    teams, traces = replay_traffic(log, models)
    known = loaded.scenario.models
    replayed = Bench(Traffic(teams, traces, log.span_ns, options.seed, 1, known), options.engine)
    fitted = Bench(
        Traffic(loaded.scenario.teams, {}, log.span_ns, options.seed, options.replications, known), options.engine
    )
    amount = {"requests": float(len(log)), "tokens": float((log["input"] - log["read"] + log["output"]).sum())}
    limits = {
        name: fitting_limits(replayed, amount[name] * MINUTE / log.span_ns, options.shares, name) for name in DIMENSIONS
    }
    every = [(name, one) for name in DIMENSIONS for one in limits[name]]
    if not every:
        return
    base = replayed.refused([one for _, one in every])[0]
    found = fitted.refused([one for _, one in every])
    for at, (name, one) in enumerate(every):
        for column, team in enumerate((*replayed.teams, TOTAL)):
            yield _test(team, name, limit_text(name, one), float(base[at, column]), found[:, at, column])


def _test(team: str, dimension: str, limit: str, log: float, shares: F64) -> LimitTest:
    mean = interval(shares)
    low, high = np.nanquantile(shares, (0.05, 0.95)).tolist() if np.isfinite(shares).any() else (np.nan, np.nan)
    estimate = Estimate(float(mean.mean), float(mean.low), float(mean.high))
    chance = bool(likely(np.asarray(log), shares))
    return LimitTest(team, dimension, limit, log, estimate, (low, high), chance)


def drawn_burstiness(
    loaded: Loaded, streams: Sequence[StreamFit], models: Mapping[str, str]
) -> dict[tuple[str, str], Burstiness]:  # fmt: skip
    """How unevenly the fitted streams come, in one replication; sessions are left out: their steps wait for answers."""
    plan = build_plan(loaded.scenario, 0, {})
    found = {}
    for one in streams:
        if one.session is None:
            mine = plan.team == plan.teams.index(one.team)
            mine &= plan.model == plan.models.index(models[one.model])
            times = np.sort(plan.arrival_ns[mine])
            if len(times):
                found[one.team, one.model] = burstiness(times, loaded.scenario.duration)
    return found
