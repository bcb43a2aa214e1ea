"""What a report is made from: the summary, the manifest, and two tables of the summary for the figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sim.report.cast import Cast, Summary, cast_of
from sim.report.words import Answer, answer

if TYPE_CHECKING:
    from pandas import DataFrame, Series

    from sim.chaos.base import Fault

ALL = ""
"""Stands for all teams together where a team is named."""


@dataclass(frozen=True)
class Window:
    """A fault on the timeline: seconds from the start of the scenario, and a few words."""

    start_s: float
    end_s: float
    label: str
    marks: tuple[tuple[float, str], ...] = ()
    """Instants that matter inside it: seconds, and a few words."""


@dataclass(frozen=True)
class Study:
    """One finished study, ready to be drawn. Plain tables, means over replications.

    ``over_time``: configuration, team, start_s, end_s, offered, succeeded, refused, failed,
    unfinished (requests by arrival in the interval), attempts (made by attempts' own time).
    ``quantiles``: configuration, team, quantile (from 0 to 1), latency_s of succeeded requests.
    """

    summary: Summary
    manifest: Mapping[str, Any]
    over_time: DataFrame
    quantiles: DataFrame
    windows: tuple[Window, ...]
    answer: Answer
    cast: Cast

    @cached_property
    def amplification(self) -> dict[tuple[str, str], Series[float]]:
        """(configuration, team or :data:`ALL`) → attempts per arrival by interval start in minutes.

        NaN where nothing arrives. Worked out once, for all widths that it is drawn at.
        """
        found = {}
        for name in self.cast.configurations:
            rows = self.over_time[self.over_time["configuration"] == name]
            found[name, ALL] = _ratio(rows)
            found |= {(name, str(team)): _ratio(part) for team, part in rows.groupby("team", observed=True)}
        return found

    @property
    def spans(self) -> list[tuple[float, float]]:
        """The chaos windows in minutes."""
        return [(window.start_s / 60, window.end_s / 60) for window in self.windows]


def _ratio(rows: DataFrame) -> Series[float]:
    sums = rows.groupby("start_s")[["attempts", "offered"]].sum()
    ratio = sums["attempts"] / sums["offered"].where(sums["offered"] > 0)
    ratio.index = ratio.index / 60
    return ratio.sort_index()


def windows_of(manifest: Mapping[str, Any]) -> tuple[Window, ...]:
    """The chaos windows of the resolved scenario in the manifest."""
    from sim.chaos.catalogue import FaultEntry

    entries = manifest.get("scenario", {}).get("resolved", {}).get("chaos") or ()
    faults = [FaultEntry.model_validate({key: value for key, value in entry.items() if value}) for entry in entries]
    found = [_window(entry.fault) for entry in faults]
    return tuple(sorted(found, key=lambda window: (window.start_s, window.end_s, window.label)))


def _window(fault: Fault) -> Window:
    start, end = fault.window
    return Window(start / 1e9, end / 1e9, fault.summary, tuple((mark.at_ns / 1e9, mark.text) for mark in fault.marks))


COUNTS = ("offered", "succeeded", "refused", "failed", "unfinished", "attempts")


def over_time(summary: Summary) -> DataFrame:
    """The table :attr:`Study.over_time` from the summary's ``series`` of each configuration."""
    import pandas as pd

    frames = []
    for name, entry in summary["configurations"].items():
        series = entry.get("series") or {"teams": {}, "start_s": [], "interval_s": 0}
        start = [float(at) for at in series["start_s"]]
        for team, columns in series["teams"].items():
            counts = {column: pd.Series(columns[column], dtype="float64") for column in COUNTS}
            frame = pd.DataFrame({"start_s": start, **counts}).fillna(0.0)
            frames.append(frame.assign(configuration=name, team=team, end_s=frame["start_s"] + series["interval_s"]))
    head = ["configuration", "team", "start_s", "end_s", *COUNTS]
    return pd.concat(frames, ignore_index=True)[head] if frames else pd.DataFrame(columns=head)


def quantiles(summary: Summary) -> DataFrame:
    """The table :attr:`Study.quantiles` from the summary's ``latency_quantiles_s`` of each configuration."""
    import pandas as pd

    rows = [
        (name, team, level, value)
        for name, entry in summary["configurations"].items()
        for found in [entry.get("latency_quantiles_s") or {"levels": (), "teams": {}}]
        for team, values in found["teams"].items()
        for level, value in zip(found["levels"], values, strict=True)
        if value is not None
    ]
    return pd.DataFrame(rows, columns=["configuration", "team", "quantile", "latency_s"])


def study(summary: Summary, manifest: Mapping[str, Any]) -> Study:
    """Put a study together: finds the answer and the cast once, for all that is drawn.

    Intervals that start in the warm-up are left out, as they are from every number.
    """
    from sim.units import SECOND, duration

    resolved, table = manifest.get("scenario", {}).get("resolved", {}), over_time(summary)
    measured = table[table["start_s"] >= duration(resolved.get("warmup", 0)) / SECOND]
    found = answer(summary)
    cast = cast_of(summary, found.leads)
    return Study(summary, manifest, measured, quantiles(summary), windows_of(manifest), found, cast)
