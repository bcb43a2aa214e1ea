"""Tables for figures: pure functions of the two result tables, in plain columns.

One row a point, ``configuration`` and ``team`` as text; where a table has rows of all teams
together, their name is :func:`total_name`. Counts are means over replications. Charts over time
show the warm-up too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sim.metrics.compute import Values, ratio
from sim.metrics.context import Context
from sim.metrics.stats import interval
from sim.metrics.tables import F64, I64, Attempts, Bool, Requests, grouped_quantiles
from sim.results.axes import round_step
from sim.results.columns import FAILED, GAVE_UP, STATUS_NONE, STATUS_OK, SUCCEEDED, UNFINISHED
from sim.units import SECOND

if TYPE_CHECKING:
    import pandas as pd

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
"""The quantiles of latency that a summary holds for a figure."""
CURVE = tuple(float(level) for level in np.linspace(0, 1, 201))
"""The levels of a smooth distribution curve."""


def interval_ns(context: Context) -> int:
    """The length of an interval: a round step that cuts the duration into at most 60 of them."""
    return round_step(context.scenario.duration)


def total_name(context: Context) -> str:
    """The name of the row of all teams: ``total``, or ``(total)`` beside a team called so."""
    return "(total)" if "total" in context.teams else "total"


def _names(context: Context) -> list[str]:
    return [*context.teams, total_name(context)]


class _Grid:
    """Counts per team and interval, as means over replications; the last row is the total."""

    def __init__(self, context: Context, step: int, width: int) -> None:
        self.step, self.width = step, width
        self._teams, self._runs = len(context.teams), context.replications

    def count(self, team: I64, time: I64, weights: I64 | None = None) -> F64:
        """Events (or weights) by their time, ``(teams + 1, width)``."""
        place = team * self.width + time // self.step
        flat = np.bincount(place, weights=weights, minlength=self._teams * self.width)
        grid = flat.reshape(self._teams, self.width) / self._runs
        return np.vstack([grid, grid.sum(axis=0)])


def _last_ns(requests: Requests, attempts: Attempts | None, context: Context) -> int:
    """When the last thing starts, the end of the duration at least."""
    last = max(context.scenario.duration - 1, int(requests.arrival.max(initial=0)))
    return last if attempts is None else max(last, int(attempts.at.max(initial=0)))


def over_time_grids(
    requests: Requests, attempts: Attempts | None, context: Context, step: int, width: int
) -> dict[str, F64]:
    """What :func:`over_time` says of one configuration, as arrays ``(teams + 1, width)``."""
    grid = _Grid(context, step, width)
    came, outcome = requests.arrival >= 0, requests.outcome
    lost = came & ((outcome == FAILED) | (outcome == GAVE_UP))
    limited = requests.status == 429

    def started(mask: Bool, weights: I64 | None = None) -> F64:
        return grid.count(requests.team[mask], requests.arrival[mask], None if weights is None else weights[mask])

    made = started(came, requests.attempts)
    return with_ratios({
        "offered": started(came),
        "succeeded": started(came & (outcome == SUCCEEDED)),
        "refused": started(lost & limited),
        "failed": started(lost & ~limited),
        "unfinished": started(came & (outcome == UNFINISHED)),
        "made": made,
        **({"attempts": made} if attempts is None else _sent(attempts, grid)),
    })  # fmt: skip


def with_ratios(counts: Mapping[str, F64]) -> dict[str, F64]:
    """Counts over time (``offered``, ``made``, ``attempts``, …) with attempts per request beside them."""
    kept = {name: grid for name, grid in counts.items() if name != "made"}
    return {
        **kept,
        "attempts_per_request": ratio(counts["made"], counts["offered"]),
        "amplification": ratio(counts["attempts"], counts["offered"]),
    }


def _sent(attempts: Attempts, grid: _Grid) -> dict[str, F64]:
    status = attempts.status
    other = (status != STATUS_OK) & (status != STATUS_NONE) & (status != 429) & (status < 500)

    def sent(mask: Bool) -> F64:
        return grid.count(attempts.team[mask], attempts.at[mask])

    return {
        "attempts": sent(attempts.at >= 0),
        "answers_429": sent(status == 429),
        "answers_5xx": sent(status >= 500),
        "other_errors": sent(other),
    }


def tables(
    requests: pd.DataFrame, attempts: pd.DataFrame | None, context: Context, name: str
) -> tuple[Requests, Attempts | None]:
    """One configuration's rows of a study's tables; no attempts when the study kept none.

    An empty table of attempts beside requests that made some means that none were kept.
    """
    rows = Requests.of(requests, context, name)
    if attempts is None or (not len(attempts) and rows.attempts.any()):
        return rows, None
    return rows, Attempts.of(attempts, rows, context, name)


def intervals(cases: Iterable[tuple[Requests, Attempts | None]], context: Context, step: int) -> int:
    """How many intervals of ``step`` hold everything that starts."""
    return max(_last_ns(rows, tried, context) for rows, tried in cases) // step + 1


def over_time(
    requests: pd.DataFrame,
    attempts: pd.DataFrame | None,
    context: Context,
    step_ns: int | None = None,
    *,
    total: bool = False,
) -> pd.DataFrame:
    """Per configuration, team and interval: what started, how it ended, what was sent.

    ``configuration team start_s end_s``, then requests by their start: ``offered`` = ``succeeded``
    + ``refused`` (lost, 429 last) + ``failed`` (lost, anything else last) + ``unfinished``, and
    ``attempts_per_request`` that they made; then by the time of sending ``attempts answers_429
    answers_5xx other_errors`` and ``amplification`` = attempts sent / requests started. In a study
    without a table of attempts, attempts stand where their request started and the answers are absent.
    With ``total``, rows of all teams together come too.
    """  # fmt: skip
    import pandas as pd

    step = step_ns or interval_ns(context)
    names = _names(context) if total else list(context.teams)
    cases = {name: tables(requests, attempts, context, name) for name in context.configurations}
    width = intervals(cases.values(), context, step)
    start = np.tile(np.arange(width) * (step / SECOND), len(names))
    frames = []
    for name, (rows, tried) in cases.items():
        grids = over_time_grids(rows, tried, context, step, width)
        frames.append(pd.DataFrame({
            "configuration": name,
            "team": np.repeat(np.array(names, object), width),
            "start_s": start,
            "end_s": start + step / SECOND,
            **{column: grid[: len(names)].ravel() for column, grid in grids.items()},
        }))  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def latency_grid(requests: Requests, levels: Sequence[float]) -> F64:
    """Quantiles of the latency of succeeded requests, all replications together, s, ``(levels, teams + 1)``."""
    taken = ((requests.finish - requests.arrival) / SECOND)[requests.succeeded]
    by_team = grouped_quantiles(requests.team[requests.succeeded], taken, requests.teams, levels)
    total = grouped_quantiles(np.zeros(len(taken), np.int64), taken, 1, levels)
    return np.vstack([by_team, total]).T


def latency_quantiles(requests: pd.DataFrame, context: Context, levels: Sequence[float] = CURVE) -> pd.DataFrame:
    """For distribution curves: ``configuration team quantile latency_s`` of succeeded requests.

    All replications together, teams and the total; ``levels`` from 0 to 1. Teams without any
    success have no rows.
    """
    import pandas as pd

    frames = []
    for name in context.configurations:
        grid = latency_grid(Requests.of(requests, context, name), levels)
        for index, label in enumerate(_names(context)):
            if np.isfinite(grid[:, index]).all():
                columns = {"configuration": name, "team": label, "quantile": levels, "latency_s": grid[:, index]}
                frames.append(pd.DataFrame(columns))
    empty = pd.DataFrame({"configuration": [], "team": [], "quantile": [], "latency_s": []})
    return pd.concat(frames, ignore_index=True) if frames else empty


def costs(values: Mapping[str, Values], context: Context) -> pd.DataFrame:
    """``configuration team cost_usd low high wasted_cost_usd``: means, and the interval of the cost."""
    import pandas as pd

    frames = []
    for name, grids in values.items():
        spent = interval(grids["cost_usd"])
        frames.append(pd.DataFrame({
            "configuration": name,
            "team": _names(context),
            "cost_usd": spent.mean,
            "low": spent.low,
            "high": spent.high,
            "wasted_cost_usd": interval(grids["wasted_cost_usd"]).mean,
        }))  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def attempts_distribution(requests: pd.DataFrame, context: Context) -> pd.DataFrame:
    """How many attempts requests took: ``configuration team attempts requests share``.

    Offered requests only; ``requests`` is the mean per replication, ``share`` of the team's requests.
    """
    import pandas as pd

    frames = []
    for name in context.configurations:
        rows = Requests.of(requests, context, name)
        tried, width = rows.attempts[rows.counted], int(rows.attempts.max(initial=0)) + 1
        flat = np.bincount(rows.team[rows.counted] * width + tried, minlength=rows.teams * width)
        by_team = flat.reshape(rows.teams, width)
        grid = np.vstack([by_team, by_team.sum(axis=0)])
        team, attempts = np.nonzero(grid)
        found = grid[team, attempts]
        frames.append(pd.DataFrame({
            "configuration": name,
            "team": np.array(_names(context), object)[team],
            "attempts": attempts,
            "requests": found / rows.replications,
            "share": found / grid.sum(axis=1)[team],
        }))  # fmt: skip
    return pd.concat(frames, ignore_index=True)
