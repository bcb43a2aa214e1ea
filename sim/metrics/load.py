"""How loaded a configuration was: stable, backlogged or overloaded."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.metrics.compute import Sums, ratio
from sim.metrics.context import Context
from sim.metrics.stats import interval
from sim.metrics.tables import F64, I64, Requests
from sim.results.axes import SAMPLES, sample_instants

RULE = """\
## Load

The *backlog* is the number of requests that have started and have no final answer, sampled at 60
evenly spaced instants of the measured part. For each replication, of a team or of all:

- **overloaded**: more than 5 % of the requests are lost (they did not succeed), or the backlog
  grows: its mean over the last third of the measured part exceeds that over the first third by more
  than 5 requests and by more than 2 % of the requests offered;
- **backlogged**: not overloaded, but more than 1 % are lost, or requests spend more time waiting for
  the attempt that succeeds than being answered by it;
- **stable**: neither.

The label is the most frequent one over replications, the worse one on a tie; `shares` gives all.
"""
LABELS = ("stable", "backlogged", "overloaded")
_LOST, _SOME_LOST, _GROWN, _GROWN_SHARE = 0.05, 0.01, 5.0, 0.02


def backlog(requests: Requests, context: Context) -> F64:
    """Requests in the system at each sample, ``(SAMPLES, replications, teams + 1)``."""
    instants = sample_instants(context.scenario.warmup, context.scenario.duration)
    came = requests.arrival >= 0
    ended = came & (requests.finish >= 0)
    cells = requests.replications * requests.teams
    level = _steps(requests.cell[came], requests.arrival[came], instants, cells)
    level = level - _steps(requests.cell[ended], requests.finish[ended], instants, cells)
    grid = level.reshape(requests.replications, requests.teams, SAMPLES).transpose(2, 0, 1)
    return np.concatenate([grid, grid.sum(axis=2, keepdims=True)], axis=2)


def _steps(cell: I64, time: I64, instants: I64, cells: int) -> F64:
    """How many events each cell has had at each instant, ``(cells, SAMPLES)``."""
    slot = np.searchsorted(instants, time, side="left")
    counts = np.bincount(cell * (SAMPLES + 1) + slot, minlength=cells * (SAMPLES + 1))
    return counts.reshape(cells, SAMPLES + 1)[:, :-1].cumsum(axis=1).astype(np.float64)


def waiting_share(sums: Sums) -> F64:
    """Waiting as a share of waiting and being answered, ``(replications, teams + 1)``."""
    return ratio(sums["waiting_s"], sums["waiting_s"] + sums["answer_s"])


def classify(loss: F64, grown: F64, offered: F64, waiting: F64) -> NDArray[np.int64]:
    """Indices into :data:`LABELS` of arrays of one shape; NaN (nothing offered) is stable."""
    growing = (grown > _GROWN) & (grown > _GROWN_SHARE * offered)
    overloaded = (loss > _LOST) | growing
    behind = (loss > _SOME_LOST) | (waiting > 0.5)
    return np.where(overloaded, 2, np.where(behind, 1, 0))


def label(kinds: NDArray[np.int64]) -> dict[str, Any]:
    """The most frequent label of ``(replications,)`` indices, and each label's share."""
    counts = np.bincount(kinds, minlength=len(LABELS))
    worst = len(LABELS) - 1 - int(counts[::-1].argmax())
    shares = {name: float(count / max(1, counts.sum())) for name, count in zip(LABELS, counts, strict=True)}
    return {"label": LABELS[worst], "shares": shares}


def load(sums: Sums, level: F64, context: Context) -> dict[str, Any]:
    """The label of the total and of each team, as it stands in the summary; see :data:`RULE`.

    ``level`` is the :func:`backlog`.
    """
    third = SAMPLES // 3
    grown = level[-third:].mean(axis=0) - level[:third].mean(axis=0)
    loss = 1 - ratio(sums["succeeded"], sums["offered"])
    kinds = classify(loss, grown, sums["offered"], waiting_share(sums))
    size = {"mean_backlog": interval(level.mean(axis=0)), "peak_backlog": interval(level.max(axis=0))}

    def entry(column: int) -> dict[str, Any]:
        return {**label(kinds[:, column]), **{name: found.json(column) for name, found in size.items()}}

    return {"total": entry(-1), "teams": {team: entry(index) for index, team in enumerate(context.teams)}}
