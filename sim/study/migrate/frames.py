"""The numbers of a migration as pandas data frames; the steps themselves are in :mod:`sim.report.migrate_csv`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.study.frames import Summary, measured, table

if TYPE_CHECKING:
    import pandas as pd


def changes(summary: Summary) -> pd.DataFrame:
    """A team that a step helps or hurts a row: step, team, services, mean, ci95_low, ci95_high, before, after, hurt.

    All of them are shares of its own requests that are lost, from 0 to 1; ``mean`` is the paired difference.
    """
    return table(
        {"step": step["number"], "team": one["team"], "services": one["services"], **measured(one["change"]),
         "before": one["loss_before"]["mean"], "after": one["loss_after"]["mean"], "hurt": side == "hurt"}
        for step in summary["steps"] for side in ("improved", "hurt") for one in step[side]
    )  # fmt: skip


def orders(summary: Summary) -> pd.DataFrame:
    """order, step (0: today), projects that move, risk (services as good as down): this plan against other orders."""
    order = summary["order"]
    return table(
        {"order": way["name"], "step": at, "projects": ", ".join(moved), "risk": risk}
        for way in (order["chosen"], *order["others"])
        for at, (moved, risk) in enumerate(zip(([], *way["waves"]), way["risks"], strict=True))
    )


def projects(summary: Summary) -> pd.DataFrame:
    """A project a row: teams, services, share of the requests, needs and limits by dimension, shortfall, dollars, key.

    ``need_rpm`` and ``limit_rpm`` are requests a minute; other dimensions likewise. ``shortfall`` is from 0 to 1.
    """
    plain = ("services", "requests_share", "shortfall", "month_usd", "p95_usd", "cap_usd", "key", "env")
    return table(
        {"project": one["name"], "teams": ", ".join(one["teams"]), **{key: one[key] for key in plain},
         **{f"need_{key}": value for key, value in one["need"].items()},
         **{f"limit_{key}": value for key, value in one["settings"].items()}}
        for one in summary["projects"]
    )  # fmt: skip


def objectives(summary: Summary) -> pd.DataFrame:
    """An objective after the last step a row: team, metric, op, bound, met, source, mean, ci95_low, ci95_high."""
    keys = ("team", "metric", "op", "bound", "met", "source")
    return table({key: one[key] for key in keys} | measured(one["value"]) for one in summary["objectives"])


def watch(summary: Summary) -> pd.DataFrame:
    """A key to watch after a step a row: step, key, teams, expected, least, most, bound, telling (429 shares)."""
    keys = ("expected", "least", "most", "bound", "telling")
    return table(
        {"step": step["number"], "key": one["key"], "teams": ", ".join(one["teams"]), **{key: one[key] for key in keys}}
        for step in summary["steps"] for one in step["watch"]
    )  # fmt: skip
