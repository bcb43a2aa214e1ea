"""The summary of a study: everything that ``summary.json`` says, from the tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.metrics import series
from sim.metrics.blast import blast_radius
from sim.metrics.compute import Values, compute
from sim.metrics.contention import consumption, counterfactual
from sim.metrics.context import Context
from sim.metrics.declared import DECLARED
from sim.metrics.limits import describe
from sim.metrics.load import load
from sim.metrics.slo import verdicts
from sim.metrics.stats import Interval, interval, paired, regimes
from sim.metrics.tables import Attempts, Requests, lost_ns
from sim.units import SECOND

if TYPE_CHECKING:
    import pandas as pd

_SERIES = ("offered", "succeeded", "refused", "failed", "unfinished", "attempts", "amplification")


def json_safe(value: Any) -> Any:
    """The same with plain types only: NaN and infinities become None, floats keep 12 digits.

    Twelve digits hide the last bits, which differ between processors; no metric is that exact.
    """
    if isinstance(value, Mapping):
        return {str(key): json_safe(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return json_safe(value.tolist())
    if isinstance(value, (list, tuple)):
        return [json_safe(item) for item in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating, Fraction)):
        number = float(value)
        return float(f"{number:.12g}") if math.isfinite(number) else None
    return value


def metrics_of(intervals: Mapping[str, Interval], column: int, *, total: bool) -> dict[str, Any]:
    """``{metric: {"mean", "ci95"}}`` of one column; metrics of the total only where they belong."""
    return {metric.name: intervals[metric.name].json(column) for metric in DECLARED if total or not metric.total_only}


def _everyone(intervals: Mapping[str, Interval], context: Context) -> dict[str, Any]:
    return {
        "total": metrics_of(intervals, -1, total=True),
        "teams": {team: metrics_of(intervals, i, total=False) for i, team in enumerate(context.teams)},
    }


def _regimes(values: Values, context: Context) -> dict[str, Any]:
    """Where the success rate splits into two regimes; the others are absent."""
    columns = [*((team, i) for i, team in enumerate(context.teams)), (series.total_name(context), -1)]
    found = {name: regimes(values["success_rate"][:, column]) for name, column in columns}
    return {name: split.json() for name, split in found.items() if split is not None}


def _series(requests: Requests, attempts: Attempts | None, context: Context) -> dict[str, Any]:
    step = series.interval_ns(context)
    width = series.intervals([(requests, attempts)], context, step)
    grids = series.over_time_grids(requests, attempts, context, step, width)
    kept = {name: grids[name] for name in _SERIES}
    return {
        "interval_s": step / SECOND,
        "start_s": [index * step / SECOND for index in range(width)],
        "total": {name: grid[-1] for name, grid in kept.items()},
        "teams": {team: {name: grid[i] for name, grid in kept.items()} for i, team in enumerate(context.teams)},
    }


def _configuration(
    name: str, requests: Requests, attempts: Attempts | None, values: Values, context: Context
) -> dict[str, Any]:
    """One entry of ``configurations``."""
    info = context.configurations[name]
    # Without attempts, the wait after refusals is the best that is known about time lost.
    lost = requests.throttle if attempts is None else lost_ns(requests, attempts, context.end_ns)
    return {
        "isolation": context.isolation(name),
        "capacity": dict(info.capacity),
        **_everyone({metric: interval(grid) for metric, grid in values.items()}, context),
        "regimes": _regimes(values, context),
        "blast_radius": blast_radius(requests, context),
        "load": load(requests, lost, context),
        "limits": [describe(limit, attempts, context) for limit in info.limits],
        "series": _series(requests, attempts, context),
    }


def _paired(values: Mapping[str, Values], context: Context) -> dict[str, Any]:
    """Each later configuration minus the first, replication by replication."""
    names = list(values)
    return {
        f"{later} - {names[0]}": _everyone(
            {metric: paired(values[names[0]][metric], grid) for metric, grid in values[later].items()}, context
        )
        for later in names[1:]
    }


def _contention(name: str, attempts: Attempts | None, table: pd.DataFrame | None, context: Context) -> dict[str, Any]:
    limits = context.configurations[name].limits
    shares, bounds = counterfactual(table, name, context)
    used = {} if attempts is None else consumption(attempts, limits, context)
    return {"consumption": used, "counterfactual": shares, "counterfactual_ci95": bounds}


def all_values(requests: pd.DataFrame, attempts: pd.DataFrame | None, context: Context) -> dict[str, Values]:
    """The metrics of each configuration, for figures: name → ``(replications, teams + 1)``."""
    return {
        name: compute(*series.tables(requests, attempts, context, name), context) for name in context.configurations
    }


def _head(context: Context) -> dict[str, Any]:
    """What was run: the scenario, the seed, the engine, and when faults were at work."""
    scenario = context.scenario
    return {
        "scenario": {"name": scenario.name, "sha256": context.sha256, "question": scenario.question},
        "seed": scenario.seed,
        "replications": scenario.replications,
        "engine": context.engine,
        "times_s": {name: getattr(scenario, name) / SECOND for name in ("duration", "warmup", "drain")},
        "chaos": [
            {"start_s": window.start_ns / SECOND, "end_s": window.end_ns / SECOND, "label": window.label}
            for window in context.chaos
        ],
    }


def summarise(
    requests: pd.DataFrame, attempts: pd.DataFrame | None, table: pd.DataFrame | None, context: Context
) -> dict[str, Any]:
    """What ``summary.json`` says. ``attempts`` and ``table`` (the counterfactual runs) may be absent.

    Raises :class:`~sim.errors.RunInvalid` when the tables contradict each other or the scenario.
    """
    values: dict[str, Values] = {}
    configurations: dict[str, Any] = {}
    contention: dict[str, Any] = {}
    for name in context.configurations:  # one at a time: arrays of a big study fill memory once
        rows, tried = series.tables(requests, attempts, context, name)
        values[name] = compute(rows, tried, context)
        configurations[name] = _configuration(name, rows, tried, values[name], context)
        contention[name] = _contention(name, tried, table, context)
    whole = {
        **_head(context),
        "configurations": configurations,
        "paired": _paired(values, context),
        "contention": contention,
        "slos": verdicts(context, values),
        "checks": {
            "rows_planned": context.rows_planned,
            "rows_reported": context.rows_reported,
            "digest": context.digest,
        },
    }
    return dict(json_safe(whole))
