"""The declared metrics of a few runs, straight from what an engine leaves, without tables on disk."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from sim.engine.tables import LOG, RunResult
from sim.metrics.compute import LEVELS, Values, spread_of, sums_of, values_of
from sim.metrics.context import Context
from sim.metrics.tables import I64, Attempts, Requests
from sim.scenario.plan import Plan
from sim.scenario.schema import Scenario

_SPREAD = ("latency_p", "throttle_wait_p")
_OF_ATTEMPTS = ("rate_limited_share", "server_error_share", "other_error_share", "time_lost_s")


def needs_log(metrics: Collection[str]) -> bool:
    """Whether any of these metrics is about attempts, so that a run has to keep them."""
    return any(name in _OF_ATTEMPTS for name in metrics)


@dataclass(frozen=True)
class Frame:
    """What does not change from run to run of the same plans, one after another, ``(n,)`` each.

    ``team`` are codes in the order of the scenario's teams, ``first`` is where each plan begins.
    """

    context: Context
    replication: I64
    request: I64
    team: I64
    origin: I64
    first: I64

    @classmethod
    def of(cls, scenario: Scenario, plans: Sequence[Plan]) -> Frame:
        """The frame of some plans, one a replication."""
        runs = scenario.model_copy(update={"replications": len(plans)})
        context = Context(runs, "", "", {}, 0, 0, "")
        place = np.array([context.teams.index(team) for team in plans[0].teams], np.int64)
        sizes = np.array([len(plan) for plan in plans], np.int64)
        return cls(
            context,
            np.repeat(np.arange(len(plans)), sizes),
            np.concatenate([np.arange(size) for size in sizes]),
            place[np.concatenate([plan.team for plan in plans])],
            np.concatenate([plan.origin for plan in plans]),
            np.concatenate(([0], np.cumsum(sizes)[:-1])),
        )

    def values(self, results: Sequence[RunResult], metrics: Collection[str] | None = None) -> Values:
        """Metric → ``(replications, teams + 1)``, the total last.

        ``metrics`` are those that are wanted (none: all); others may have no value (NaN).
        """
        requests = self._requests(results)
        attempts = self._attempts(results, requests) if metrics is None or needs_log(metrics) else None
        sums = sums_of(requests, attempts, self.context)
        if metrics is None or any(name.startswith(_SPREAD) for name in metrics):
            return values_of(sums, spread_of(requests), self.context)
        nothing = np.full((len(LEVELS), *sums["offered"].shape), np.nan)
        return values_of(sums, {"latency": nothing, "throttle": nothing}, self.context)

    def _requests(self, results: Sequence[RunResult]) -> Requests:
        arrival = _joined(results, "arrival")
        names = ("finish", "outcome", "status", "attempts", "cost", "wasted", "throttle", "held")
        return Requests(
            replications=self.context.replications, teams=len(self.context.teams),
            replication=self.replication, request=self.request, team=self.team, origin=self.origin,
            arrival=arrival, counted=(arrival >= 0) & (arrival >= self.context.scenario.warmup),
            fell_back=_joined(results, "last_model") != _joined(results, "model"),
            **{name: _joined(results, name) for name in names},
        )  # fmt: skip

    def _attempts(self, results: Sequence[RunResult], requests: Requests) -> Attempts:
        logs = [dict(zip(LOG, result.log.T, strict=True)) for result in results]
        column = {name: np.concatenate([log[name] for log in logs]) for name in LOG}
        row = np.concatenate([log["request"] + first for log, first in zip(logs, self.first, strict=True)])
        return Attempts(
            row=row, replication=self.replication[row], team=self.team[row], at=column["at"], end=column["end"],
            status=column["status"], input=column["uncached"], output=column["output"], cost=column["cost"],
            model=column["model"], refused=np.minimum(column["refused_by"] + 1, 1), counted=requests.counted[row],
            models=(), refusers=("", "somebody"), teams=len(self.context.teams),
        )  # fmt: skip


def _joined(results: Sequence[RunResult], name: str) -> I64:
    return np.concatenate([getattr(result, name) for result in results])
