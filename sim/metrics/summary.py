"""The summary of a study: everything that ``summary.json`` says, from rows or from tallies."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.metrics import series
from sim.metrics.blast import blast_radius
from sim.metrics.budgets import describe as describe_cap
from sim.metrics.compute import Values, compute
from sim.metrics.contention import counterfactual
from sim.metrics.context import Context
from sim.metrics.declared import DECLARED
from sim.metrics.limits import describe
from sim.metrics.load import load
from sim.metrics.measured import Measured, of_rows
from sim.metrics.slo import verdicts
from sim.metrics.spend import spend
from sim.metrics.stats import Interval, interval, paired, regimes
from sim.metrics.tables import F64
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


def _series(grids: Mapping[str, F64], context: Context) -> dict[str, Any]:
    step = series.interval_ns(context)
    kept = {name: grids[name] for name in _SERIES}
    return {
        "interval_s": step / SECOND,
        "start_s": [index * step / SECOND for index in range(kept["offered"].shape[1])],
        "total": {name: grid[-1] for name, grid in kept.items()},
        "teams": {team: {name: grid[i] for name, grid in kept.items()} for i, team in enumerate(context.teams)},
    }


def _latency(grid: F64, context: Context) -> dict[str, Any]:
    """Quantiles of latency, all replications together; null where nothing succeeded."""
    return {
        "levels": series.LEVELS,
        "total": grid[:, -1],
        "teams": {team: grid[:, index] for index, team in enumerate(context.teams)},
    }


def _configuration(name: str, found: Measured, context: Context) -> dict[str, Any]:
    """One entry of ``configurations``."""
    info = context.configurations[name]
    return {
        "isolation": context.isolation(name),
        "capacity": dict(info.capacity),
        **_everyone({metric: interval(grid) for metric, grid in found.values.items()}, context),
        "regimes": _regimes(found.values, context),
        "blast_radius": blast_radius(found.sums, found.lost, found.recovery, context),
        "load": load(found.sums, found.backlog, context),
        "limits": [describe(limit, use) for limit, use in zip(info.limits, found.uses, strict=True)],
        "budgets": [describe_cap(cap, use, context) for cap, use in zip(info.caps, found.budgets, strict=True)],
        "spend": spend(found.values["cost_usd"], info.keys, context),
        "series": _series(found.series, context),
        "latency_quantiles_s": _latency(found.latency, context),
        "incidents": found.incidents,
        **({} if found.reviews is None else {"reviews": found.reviews}),
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


def _contention(name: str, found: Measured, table: pd.DataFrame | None, context: Context) -> dict[str, Any]:
    shares, bounds = counterfactual(table, name, context)
    return {"consumption": found.consumption, "counterfactual": shares, "counterfactual_ci95": bounds}


def all_values(requests: pd.DataFrame, attempts: pd.DataFrame | None, context: Context) -> dict[str, Values]:
    """The metrics of each configuration, for figures: name → ``(replications, teams + 1)``."""
    return {
        name: compute(*series.tables(requests, attempts, context, name), context, info.caps)
        for name, info in context.configurations.items()
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
            {
                "kind": window.kind,
                "start_s": window.start_ns / SECOND,
                "end_s": window.end_ns / SECOND,
                "label": window.label,
                "marks": [{"at_s": mark.at_ns / SECOND, "text": mark.text} for mark in window.marks],
            }
            for window in context.chaos
        ],
    }


def summarise(
    requests: pd.DataFrame, attempts: pd.DataFrame | None, table: pd.DataFrame | None, context: Context
) -> dict[str, Any]:
    """What ``summary.json`` says. ``attempts`` and ``table`` (the counterfactual runs) may be absent.

    Raises :class:`~sim.errors.RunInvalid` when the tables contradict each other or the scenario.
    """
    found = (
        (name, of_rows(*series.tables(requests, attempts, context, name), context, name))
        for name in context.configurations
    )
    return summary_of(found, table, context)


def summary_of(
    measured: Iterable[tuple[str, Measured]], table: pd.DataFrame | None, context: Context
) -> dict[str, Any]:
    """What ``summary.json`` says, from each configuration's name and what was measured of it.

    They are taken one at a time: the arrays of a big study fill memory once.
    """
    values: dict[str, Values] = {}
    configurations: dict[str, Any] = {}
    contention: dict[str, Any] = {}
    for name, found in measured:
        values[name] = found.values
        configurations[name] = _configuration(name, found, context)
        contention[name] = _contention(name, found, table, context)
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
