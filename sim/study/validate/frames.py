"""The numbers of a validation as pandas data frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.study.frames import Summary, table

if TYPE_CHECKING:
    import pandas as pd


def metrics(summary: Summary) -> pd.DataFrame:
    """configuration, team, metric, unit, simulated, live, difference, tolerance, within (None: only told)."""
    return _each(summary, "lines")


def gates(summary: Summary) -> pd.DataFrame:
    """Configuration and a gate of its live run: name, value, limit, unit, passed, meaning."""
    return _each(summary, "gates")


def causes(summary: Summary) -> pd.DataFrame:
    """configuration, cause, requests that end otherwise for it, meaning."""
    return table(
        {"configuration": name, "cause": cause, "requests": count, "meaning": entry["boundary"]["meanings"][cause]}
        for name, entry in summary["configurations"].items()
        for cause, count in entry["boundary"]["counts"].items()
    )


def partings(summary: Summary) -> pd.DataFrame:
    """A request that ends otherwise a row: request, attempt, at_s, rule, both sides, cause, times in milliseconds."""
    return table(
        {"configuration": name, **one}
        for name, entry in summary["configurations"].items()
        for one in entry["boundary"]["partings"]
    )


def _each(summary: Summary, key: str) -> pd.DataFrame:
    return table(
        {"configuration": name, **one} for name, entry in summary["configurations"].items() for one in entry[key]
    )
