"""Verdicts on the scenario's objectives, for each configuration."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.errors import BadInput
from sim.metrics.compute import Values
from sim.metrics.context import Context
from sim.metrics.declared import BY_NAME, NAMES
from sim.metrics.stats import interval
from sim.metrics.tables import F64

if TYPE_CHECKING:
    from sim.scenario.schema import Slo

RULE = """\
## Objectives

An objective is met when the mean over replications satisfies it; `met_share` is the fraction of
replications that satisfy it by themselves. A replication in which requests were offered but the
metric has no value (nothing succeeded, so there is no latency) misses, and so then does the whole
objective. A team that offered nothing in any replication has no value and misses: its objective
could not be shown. An objective of `*` says nothing of such a team.
"""


def text_of(slo: Slo, team: str) -> str:
    """As ``checkout: success_rate >= 99.5%``."""
    metric = BY_NAME.get(slo.metric)
    bound = f"{100 * slo.bound:.10g}%" if metric is not None and metric.unit == "share" else f"{slo.bound:.10g}"
    return f"{team}: {slo.metric} {slo.op} {bound}"


def columns(slo: Slo, context: Context) -> list[tuple[str, int]]:
    """The teams that an objective speaks of, with their column; ``*`` is each, ``total`` the last.

    A team that is itself called ``total`` or ``*`` wins over the meaning of the word.
    """
    teams = context.teams
    if slo.team in teams:
        return [(slo.team, teams.index(slo.team))]
    if slo.team == "*":
        return [(team, index) for index, team in enumerate(teams)]
    if slo.team == "total":
        return [("total", len(teams))]
    raise BadInput("an objective of an unknown team", value=slo.team, hint=_near(slo.team, (*teams, "*", "total")))


def _near(word: str, names: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(word, names, 1)
    return f"did you mean {close[0]}?" if close else f"one of {', '.join(names)}"


def _met(slo: Slo, values: F64, offered: F64) -> tuple[bool, float]:
    """Whether the objective is met, and in which share of the replications that say something."""
    telling = np.isfinite(values) | (offered > 0)
    if not telling.any():
        return False, float("nan")
    each = [slo.met_by(float(value)) for value in values[telling]]
    whole = bool(np.isfinite(values[telling]).all())
    return whole and slo.met_by(float(np.nanmean(values))), float(np.mean(each))


def _verdict(slo: Slo, team: str, configuration: str, values: F64, offered: F64) -> dict[str, Any]:
    met, share = _met(slo, values, offered)
    return {
        "configuration": configuration,
        "team": team,
        "metric": slo.metric,
        "op": slo.op,
        "bound": slo.bound,
        "text": text_of(slo, team),
        "value": interval(values[:, None]).json(0),
        "met": met,
        "met_share": share,
    }


def verdicts(context: Context, values: Mapping[str, Values]) -> list[dict[str, Any]]:
    """One entry for each configuration, objective and team that it speaks of.

    ``values`` are the metrics by configuration. Raises :class:`BadInput` on an unknown metric.
    """
    for slo in context.scenario.slos:
        if slo.metric not in BY_NAME:
            raise BadInput("an objective of an unknown metric", value=slo.metric, hint=_near(slo.metric, NAMES))
    return [
        _verdict(slo, team, name, grids[slo.metric][:, column], grids["offered"][:, column])
        for name, grids in values.items()
        for slo in context.scenario.slos
        for team, column in columns(slo, context)
        if slo.team != "*" or grids["offered"][:, column].any()
    ]
