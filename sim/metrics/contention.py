"""The contention matrix: who took the capacity that a refused team was missing. Two forms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.metrics.compute import ratio
from sim.metrics.context import Context, LimitInfo
from sim.metrics.limits import Charges, charges, members, refusals, under
from sim.metrics.stats import Interval, ratio_of_means
from sim.metrics.tables import F64, I64, Attempts, codes
from sim.units import SECOND

if TYPE_CHECKING:
    import pandas as pd

RULE = """\
## Contention

*Consumption.* For each refusal by a limit: the share that each team had in what that limit was
charged with during its last period (60 s) up to the refusal; for concurrency, in what was in flight
at that instant. A victim's row is the mean over all its refusals in all replications, so it sums to
1; its own share is in it. A refusal with nothing charged in that period is left out, and a team that
was never refused has no row. A study that streams cuts the period into eighths (of a second
at least) and lays a refusal on what was charged in the seven before its own, in half of its own and
in half of the eighth before; for concurrency, on the mean in flight in its own 7.5 s. Over many
refusals that is the same.

*Counterfactual.* The same study is run again without one team, on the same draws. The entry is the
share of the victim's loss (1 - success rate) that vanishes:
(mean loss with everybody - mean loss without the culprit) / mean loss with everybody, with a 95 %
interval over replications (ratio of paired means). It is negative when the victim fares worse
without that team. Entries of a victim need not sum to 1: two teams may each suffice to fill a limit.
"""
_SAFE = 1 << 62


def _batches(context: Context, stride: int) -> Iterator[tuple[int, int]]:
    """Ranges of replications whose times fit one int64 axis, ``stride`` apart."""
    size = max(1, _SAFE // stride)
    for first in range(0, context.replications, size):
        yield first, min(first + size, context.replications)


@dataclass(frozen=True)
class _Axis:
    """Charges of several replications laid end to end on one time axis, sorted."""

    time: I64
    team: I64
    weight: I64

    @classmethod
    def of(cls, taken: Charges, first: int, last: int, stride: int) -> _Axis:
        keep = (taken.replication >= first) & (taken.replication < last)
        time = (taken.replication[keep] - first) * stride + taken.time[keep]
        order = np.argsort(time, kind="stable")
        return cls(time[order], taken.team[keep][order], taken.weight[keep][order])

    def between(self, low: I64, high: I64, team: int | None) -> I64:
        """Charged in positions ``[low, high)`` by one team, or by all."""
        weight = self.weight if team is None else np.where(self.team == team, self.weight, 0)
        sums = np.concatenate([[0], np.cumsum(weight)])
        charged: I64 = sums[high] - sums[low]
        return charged


@dataclass(frozen=True)
class _Sums:
    """Shares summed over refusals, ``(victims, culprits)``, and refusals counted, ``(victims,)``."""

    shares: F64
    refusals: F64

    def add(self, victim: I64, culprit: int, share: F64) -> None:
        self.shares[:, culprit] += np.bincount(victim, weights=share, minlength=len(self.refusals))


def _add_limit(limit: LimitInfo, attempts: Attempts, context: Context, sums: _Sums) -> None:
    """Add the shares in all refusals by one limit."""
    rows = under(limit, attempts, members(limit, context))
    refused = refusals(limit, attempts, rows)
    if not len(refused):
        return
    taken = charges(limit, attempts, rows)
    stride = int(max(attempts.at.max(), attempts.end.max())) + _period(limit) + 1
    run = attempts.replication[refused]
    for first, last in _batches(context, stride):
        inside = refused[(run >= first) & (run < last)]
        start = (attempts.replication[inside] - first) * stride
        axis = _Axis.of(taken, first, last, stride)
        _add_refusals(limit, members(limit, context), axis, start, attempts.at[inside], attempts.team[inside], sums)


def _add_refusals(
    limit: LimitInfo, teams: list[int], axis: _Axis, start: I64, at: I64, victim: I64, sums: _Sums
) -> None:
    """Add the shares in refusals at ``start + at`` on the axis."""
    now = start + at
    # In flight counts from the replication's start; a rate counts its last period, (now - period, now].
    since = start - 1 if limit.dimension == "concurrency" else now - _period(limit)
    low, high = (np.searchsorted(axis.time, edge, side="right") for edge in (since, now))
    own = _own_charge(limit, victim)
    total = axis.between(low, high, None) - own
    some = total > 0
    sums.refusals[:] += np.bincount(victim[some], minlength=len(sums.refusals))
    for culprit in teams:
        used = axis.between(low, high, culprit) - np.where(victim == culprit, own, 0)
        sums.add(victim[some], culprit, used[some] / total[some])


def _period(limit: LimitInfo) -> int:
    return round(limit.period_s * SECOND)


def _own_charge(limit: LimitInfo, refused: I64) -> I64:
    """What the refusal itself was charged: it can't be the cause of itself."""
    counts = limit.charge_rejected and limit.dimension == "requests"
    return np.full(len(refused), int(counts), np.int64)


def consumption(attempts: Attempts, limits: tuple[LimitInfo, ...], context: Context) -> dict[str, dict[str, float]]:
    """``{victim: {culprit: share}}``; each row sums to 1. Culprits with a share of 0 are left out."""
    teams = context.teams
    sums = _Sums(np.zeros((len(teams), len(teams))), np.zeros(len(teams)))
    for limit in limits:
        _add_limit(limit, attempts, context, sums)
    shares = ratio(sums.shares, np.repeat(sums.refusals[:, None], len(teams), axis=1))
    return {
        victim: {culprit: float(shares[v, c]) for c, culprit in enumerate(teams) if shares[v, c] > 0}
        for v, victim in enumerate(teams)
        if sums.refusals[v]
    }


Matrix = dict[str, dict[str, Any]]


def _losses(table: pd.DataFrame, context: Context) -> F64:
    """Loss ``(left out + 1, victims, replications)``; index 0 of the first axis: nobody left out."""
    teams = context.teams
    loss = np.full((len(teams) + 1, len(teams), context.replications), np.nan)
    offered, succeeded = (table[name].to_numpy().astype(np.float64) for name in ("offered", "succeeded"))
    place = (codes(table["left_out"], ("", *teams)), codes(table["victim"], teams))
    loss[(*place, table["replication"].to_numpy())] = 1 - ratio(succeeded, offered)
    return loss


def _vanished(base: F64, without: F64) -> Interval:
    known = np.isfinite(base) & np.isfinite(without)
    return ratio_of_means((base - without)[known], base[known])


def counterfactual(table: pd.DataFrame | None, configuration: str, context: Context) -> tuple[Matrix, Matrix]:
    """``{victim: {culprit: share}}`` and the same with ``[low, high]``; see :data:`RULE`.

    ``table`` has the columns configuration, replication, left_out ("" = nobody), victim, offered,
    succeeded. Victims without any loss, and pairs that were not run, are absent.
    """
    if table is None or not len(table):
        return {}, {}
    loss = _losses(table[(table["configuration"] == configuration).to_numpy()], context)
    shares: Matrix = {}
    bounds: Matrix = {}
    for v, victim in enumerate(context.teams):
        for c, culprit in enumerate(context.teams):
            found = _vanished(loss[0, v], loss[c + 1, v]) if c != v else None
            if found is not None and np.isfinite(found.mean):
                shares.setdefault(victim, {})[culprit] = float(found.mean)
                bounds.setdefault(victim, {})[culprit] = [float(found.low), float(found.high)]
    return shares, bounds
