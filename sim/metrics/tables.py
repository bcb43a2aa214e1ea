"""One configuration's rows as numpy arrays with teams as codes: what every metric computes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sim.errors import RunInvalid
from sim.results.columns import ORIGINS, OUTCOMES, STATUS_OK, SUCCEEDED

if TYPE_CHECKING:
    import pandas as pd

    from sim.metrics.context import Context

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
Bool = NDArray[np.bool_]


def codes(column: pd.Series, names: Sequence[str]) -> I64:
    """Each value's index in ``names``; -1 for a missing value and for any other."""
    import pandas as pd

    held = column if isinstance(column.dtype, pd.CategoricalDtype) else column.astype("category")
    position = {name: index for index, name in enumerate(names)}
    lookup = [position.get(str(name), -1) for name in held.cat.categories]
    # A missing value has code -1, which picks the last entry.
    return np.array([*lookup, -1], np.int64)[held.cat.codes.to_numpy()]


def labels(column: pd.Series) -> tuple[str, ...]:
    """The different values of a column, in the order of its categories."""
    import pandas as pd

    held = column if isinstance(column.dtype, pd.CategoricalDtype) else column.astype("category")
    return tuple(str(name) for name in held.cat.categories)


def grouped_quantiles(group: I64, values: F64, groups: int, quantiles: Sequence[float]) -> F64:
    """Quantiles of ``values`` within each group, ``(groups, len(quantiles))``; NaN where it is empty.

    Linear interpolation between order statistics, as ``numpy.quantile`` does by default.
    """
    ordered = values[np.lexsort((values, group))]
    size = np.bincount(group, minlength=groups)
    first = np.cumsum(size) - size
    result = np.full((groups, len(quantiles)), np.nan)
    some = size > 0
    for column, quantile in enumerate(quantiles):
        place = quantile * (size[some] - 1)
        low = np.floor(place).astype(np.int64)
        high = np.ceil(place).astype(np.int64)
        below, above = ordered[first[some] + low], ordered[first[some] + high]
        result[some, column] = below + (above - below) * (place - low)
    return result


def _differ(one: pd.Series, other: pd.Series) -> Bool:
    """Where two columns of names differ."""
    names = tuple(dict.fromkeys((*labels(one), *labels(other))))
    differ: Bool = codes(one, names) != codes(other, names)
    return differ


def _take(frame: pd.DataFrame, rows: I64, name: str) -> I64:
    return frame[name].to_numpy()[rows].astype(np.int64)


def _rows(frame: pd.DataFrame, configuration: str) -> I64:
    return np.flatnonzero(codes(frame["configuration"], (configuration,)) == 0)


def _known(team: I64, table: str) -> I64:
    if len(team) and team.min() < 0:
        raise RunInvalid(f"the {table} table has rows of a team that the scenario does not have")
    return team


def _check_runs(replication: I64, runs: int) -> I64:
    if len(replication) and not 0 <= replication.min() <= replication.max() < runs:
        raise RunInvalid(f"the tables have a replication outside 0 to {runs - 1}, which the scenario does not have")
    return replication


@dataclass(frozen=True)
class Requests:
    """The requests of one configuration; arrays of shape ``(n,)``, times in ns, money in micro-dollars.

    ``team``, ``outcome`` and ``origin`` are codes, ``counted`` marks what the
    metrics count: an intended start at or after the end of the warm-up.
    """

    replications: int
    teams: int
    replication: I64
    request: I64
    team: I64
    arrival: I64
    finish: I64
    outcome: I64
    status: I64
    attempts: I64
    cost: I64
    wasted: I64
    throttle: I64
    held: I64
    fell_back: Bool
    origin: I64
    counted: Bool

    @classmethod
    def of(cls, frame: pd.DataFrame, context: Context, configuration: str) -> Requests:
        """The rows of ``configuration`` in a study's requests table."""
        rows = _rows(frame, configuration)
        arrival = _take(frame, rows, "arrival_ns")
        names = {"request": "request", "finish": "finish_ns", "status": "status", "attempts": "attempts",
                 "cost": "cost_microusd", "wasted": "wasted_microusd", "throttle": "throttle_wait_ns",
                 "held": "client_wait_ns"}  # fmt: skip
        return cls(
            replications=context.replications,
            replication=_check_runs(_take(frame, rows, "replication"), context.replications),
            teams=len(context.teams),
            team=_known(codes(frame["team"], context.teams)[rows], "requests"),
            arrival=arrival,
            outcome=codes(frame["outcome"], OUTCOMES)[rows],
            fell_back=_differ(frame["last_model"], frame["model"])[rows],
            origin=codes(frame["origin"], ORIGINS)[rows],
            counted=(arrival >= 0) & (arrival >= context.scenario.warmup),
            **{field: _take(frame, rows, name) for field, name in names.items()},
        )

    @cached_property
    def own(self) -> Bool:
        """The team's own workload."""
        mine: Bool = self.origin == 0
        return mine

    @cached_property
    def foreign(self) -> Bool:
        """What strangers send with the team's key."""
        theirs: Bool = self.origin == ORIGINS.index("foreign")
        return theirs

    @cached_property
    def cell(self) -> I64:
        """Replication × teams + team."""
        cell: I64 = self.replication * self.teams + self.team
        return cell

    @cached_property
    def succeeded(self) -> Bool:
        """Counted and answered."""
        done: Bool = self.counted & (self.outcome == SUCCEEDED)
        return done

    def per_cell(self, mask: Bool, weights: I64 | F64 | None = None) -> F64:
        """Rows under ``mask`` (or their weights) summed: ``(replications, teams + 1)``, total last."""
        given = None if weights is None else weights[mask]
        return per_cell(self.cell[mask], given, self.replications, self.teams)

    def quantiles(self, mask: Bool, values: F64, quantiles: Sequence[float]) -> F64:
        """``(len(quantiles), replications, teams + 1)``: within each cell, and in total last."""
        by_team = grouped_quantiles(self.cell[mask], values[mask], self.replications * self.teams, quantiles)
        total = grouped_quantiles(self.replication[mask], values[mask], self.replications, quantiles)
        grid = by_team.reshape(self.replications, self.teams, len(quantiles))
        return np.concatenate([grid, total[:, None, :]], axis=1).transpose(2, 0, 1)


def picked(flags: Bool, index: I64) -> Bool:
    """``flags[index]``, where index -1 means the last flag."""
    found: Bool = flags[index]
    return found


def per_cell(cell: I64, weights: I64 | F64 | None, replications: int, teams: int) -> F64:
    """Sums by cell as ``(replications, teams + 1)``, the last column their total."""
    flat = np.bincount(cell, weights=weights, minlength=replications * teams)
    grid = flat.astype(np.float64).reshape(replications, teams)
    return np.hstack([grid, grid.sum(axis=1, keepdims=True)])


@dataclass(frozen=True)
class Attempts:
    """The attempts of one configuration; arrays of shape ``(n,)``.

    ``row`` is the position of the attempt's request in :class:`Requests`; ``model`` and
    ``refused`` index ``models`` and ``refusers``.
    """

    row: I64
    replication: I64
    team: I64
    at: I64
    end: I64
    status: I64
    input: I64
    output: I64
    cost: I64
    model: I64
    refused: I64
    counted: Bool
    models: tuple[str, ...]
    refusers: tuple[str, ...]
    teams: int

    @classmethod
    def of(cls, frame: pd.DataFrame, requests: Requests, context: Context, configuration: str) -> Attempts:
        """The rows of ``configuration`` in a study's attempts table, matched to their requests."""
        rows = _rows(frame, configuration)
        models, refusers = labels(frame["model"]), labels(frame["refused_by"])
        row = _match(requests, _take(frame, rows, "replication"), _take(frame, rows, "request"))
        names = {"replication": "replication", "at": "at_ns", "end": "end_ns", "status": "status",
                 "input": "input_tokens", "output": "output_tokens", "cost": "cost_microusd"}  # fmt: skip
        return cls(
            row=row,
            team=_known(codes(frame["team"], context.teams)[rows], "attempts"),
            model=codes(frame["model"], models)[rows],
            refused=codes(frame["refused_by"], refusers)[rows],
            counted=requests.counted[row],
            models=models,
            refusers=refusers,
            teams=requests.teams,
            **{field: _take(frame, rows, name) for field, name in names.items()},
        )

    @cached_property
    def admitted(self) -> Bool:
        """Refused by nobody: what is refused anywhere takes nothing from any limit."""
        free: Bool = np.array([name == "" for name in self.refusers] + [True])
        return picked(free, self.refused)

    @cached_property
    def _by_team(self) -> tuple[I64, I64]:
        size = np.bincount(self.team, minlength=self.teams)
        return np.argsort(self.team, kind="stable"), np.concatenate([[0], np.cumsum(size)])

    def rows_of(self, teams: Sequence[int]) -> I64:
        """The positions of all attempts of these teams."""
        order, first = self._by_team
        rows: I64 = np.concatenate([order[:0], *(order[first[team] : first[team + 1]] for team in teams)])
        return rows


def _match(requests: Requests, replication: I64, request: I64) -> I64:
    """Where each (replication, request) stands in ``requests``; raises RunInvalid when it does not."""
    _check_runs(replication, requests.replications)
    stride = 1 + int(max(requests.request.max(initial=0), request.max(initial=0)))
    position = np.full(requests.replications * stride, -1, np.int64)
    position[requests.replication * stride + requests.request] = np.arange(len(requests.request))
    row: I64 = position[replication * stride + request]
    if len(row) and row.min() < 0:
        raise RunInvalid("the attempts table has attempts of requests that are not in the requests table")
    return row


def lost_ns(requests: Requests, attempts: Attempts, end_ns: int) -> I64:
    """Each request's time without its answer, ``(n,)``: see the metric ``time_lost_s``.

    Raises :class:`RunInvalid` when a request succeeded though none of its attempts did.
    """
    started = np.full(len(requests.arrival), -1, np.int64)
    good = attempts.status == STATUS_OK
    started[attempts.row[good]] = attempts.at[good]
    answered = requests.outcome == SUCCEEDED
    if np.any(answered & (started < 0)):
        raise RunInvalid("a request succeeded, but no attempt of it is in the attempts table")
    stopped = np.where(requests.finish >= 0, requests.finish, end_ns)
    until = np.where(answered, started, stopped)
    return np.where(requests.arrival >= 0, np.maximum(until - requests.arrival, 0), 0)
