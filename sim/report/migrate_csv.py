"""The steps of a migration for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from sim.report.migrate_view import View
from sim.report.numbers import stat

HEADS = (
    "step", "day", "until", "projects", "teams", "canary", "risk_before", "risk_after", "risk_after_low",
    "risk_after_high", "risk_change", "improved", "hurt", "left_on_shared_key", "objectives_met", "objectives",
    "watch_bound_429_share",
)  # fmt: skip


def steps_csv(view: View) -> str:
    """One row a step."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(HEADS)
    for step in view.steps:
        after, met = stat(step, "risk_after"), view.states[step["number"]]["objectives"]
        slot = step["slot"]
        writer.writerow([
            step["number"], slot["day"] or f"+{slot['offset']}d", slot["until"] or "", _list(step["projects"]),
            _list(step["teams"]), int(step["canary"]), _number(stat(step, "risk_before").mean),
            *map(_number, (after.mean, after.low, after.high, stat(step, "risk_change").mean)),
            _list([one["team"] for one in step["improved"]]), _list([one["team"] for one in step["hurt"]]),
            _list(step["shared"]["teams"]), met["met"], met["of"], _number(step["watch"][0]["bound"]),
        ])  # fmt: skip
    return target.getvalue()


def summary_csv(summary: Mapping[str, Any]) -> str:
    """The same from ``summary.json``."""
    return steps_csv(View(summary))


def _list(names: list[str]) -> str:
    text = "+".join(names)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text


def _number(value: float) -> str:
    return "" if value != value else f"{value:.10g}"
