"""The numbers of a fit as pandas data frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sim.study.frames import Summary, measured, table

if TYPE_CHECKING:
    import pandas as pd

UNEVEN = ("peak_to_mean", "dispersion")
SIZES = ("mean", "p50", "p95", "p99")


def refusals(summary: Summary) -> pd.DataFrame:
    """Team ("total": everybody), dimension, limit, log, mean, ci95_low, ci95_high, low, high, error, likely.

    ``log`` is the share that a test limit refuses of the log, ``mean`` of the fitted scenario (both from 0 to 1),
    ``low`` to ``high`` 90 % of its single runs, ``error`` the relative difference; ``likely``: within chance.
    """
    return table(
        {**{key: one[key] for key in ("team", "dimension", "limit", "log")}, **measured(one["fitted"]),
         "low": one["spread"][0], "high": one["spread"][1], "error": one["error"], "likely": one["likely"]}
        for one in summary["throttling"]
    )  # fmt: skip


def arrivals(summary: Summary) -> pd.DataFrame:
    """A row a stream and side (log, fitted): team, model, requests, process, cv, peak to mean and dispersion by scale.

    ``cv``: standard deviation of the gaps over their mean; dispersion: variance over mean of the counts.
    """
    return table(row for stream in summary["streams"] for row in _sides(stream))


def _sides(stream: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    head = {key: stream[key] for key in ("team", "model", "requests")} | {"process": stream["chosen"]["process"]}
    for side in ("log", "fitted"):
        found = stream[side]
        if found is not None:
            scales = {f"{key}_{scale}": value for key in UNEVEN for scale, value in found[key].items()}
            yield {**head, "side": side, "per_minute": found["per_minute"], "cv": found["cv"], **scales}


def candidates(summary: Summary) -> pd.DataFrame:
    """team, model, process, parameters, log_likelihood, aic, refusal_error, taken: all that was fitted."""
    keys = ("process", "parameters", "log_likelihood", "aic", "refusal_error")
    return table(
        {"team": stream["team"], "model": stream["model"], **{key: one[key] for key in keys},
         "taken": one["process"] == stream["chosen"]["process"]}
        for stream in summary["streams"] for one in stream["candidates"]
    )  # fmt: skip


def sizes(summary: Summary) -> pd.DataFrame:
    """team, model, size (input or output), kind, side (log or fitted), mean, p50, p95, p99 in tokens, distance (KS)."""
    return table(
        {"team": stream["team"], "model": stream["model"], "size": size, "kind": stream[size]["kind"], "side": side,
         **{key: stream[size][side][key] for key in SIZES}, "distance": stream[size]["distance"]}
        for stream in summary["streams"] for size in ("input", "output") for side in ("log", "fitted")
    )  # fmt: skip


def history(summary: Summary) -> pd.DataFrame:
    """team, metric, unit, recorded, mean, ci95_low, ci95_high (simulated), verdict; empty where nothing is recorded."""
    found = summary["history"] or {"rows": ()}
    return table(
        {**{key: row[key] for key in ("team", "metric", "unit", "recorded")}, **measured(row["simulated"]),
         "verdict": row["verdict"]}
        for row in found["rows"]
    )  # fmt: skip
