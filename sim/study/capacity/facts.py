"""One run's arrays as the metrics take them, without the tables between: a study has thousands of runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sim.engine.tables import LOG
from sim.metrics.context import CapInfo, ConfigurationInfo, Context, LimitInfo
from sim.metrics.tables import Attempts, Requests
from sim.results.columns import (
    STATUS_CIRCUIT,
    STATUS_CONNECTION,
    STATUS_NONE,
    STATUS_OK,
    STATUS_QUEUE,
    STATUS_TIMEOUT,
)
from sim.scenario.schema import Scenario
from sim.study.runs import Run

NO_REFUSAL = (STATUS_NONE, STATUS_OK, STATUS_TIMEOUT, STATUS_CONNECTION, STATUS_CIRCUIT, STATUS_QUEUE)
"""Last statuses that are no refusal: whatever refused an earlier attempt did not decide."""


def context_of(scenario: Scenario, run: Run) -> Context:
    """What the metrics must know about a single run. Teams stand in the plan's order."""
    teams = {name: scenario.teams[name] for name in run.plan.teams}
    alone = scenario.model_copy(update={"replications": 1, "teams": teams})
    rows = run.setting.rows
    info = ConfigurationInfo({}, tuple(map(LimitInfo.of, rows.limits)), tuple(map(CapInfo.of, rows.caps)))
    return Context(alone, "", "", {run.setting.name: info}, len(run.plan), len(run.plan), run.digest)


def requests_of(run: Run, warmup_ns: int) -> Requests:
    """The run's requests."""
    result, plan, zeros = run.result, run.plan, np.zeros(len(run.plan), np.int64)
    return Requests(
        replications=1,
        teams=len(plan.teams),
        replication=zeros,
        request=np.arange(len(plan)),
        team=plan.team,
        arrival=result.arrival,
        finish=result.finish,
        outcome=result.outcome,
        status=result.status,
        attempts=result.attempts,
        cost=result.cost,
        wasted=result.wasted,
        throttle=result.throttle,
        held=result.held,
        fell_back=result.last_model != plan.model,
        origin=plan.origin,
        counted=(result.arrival >= 0) & (result.arrival >= warmup_ns),
    )


def attempts_of(run: Run, requests: Requests) -> Attempts:
    """The run's attempts; refuser 0 is the empty name, refused by nothing."""
    log, plan = dict(zip(LOG, run.result.log.T, strict=True)), run.plan
    row = log["request"]
    return Attempts(
        row=row,
        replication=np.zeros(len(row), np.int64),
        team=plan.team[row],
        at=log["at"],
        end=log["end"],
        status=log["status"],
        input=(plan.input_tokens - plan.cached_tokens)[row],
        output=log["output"],
        cost=log["cost"],
        model=log["model"],
        refused=log["refused_by"] + 1,
        counted=requests.counted[row],
        models=plan.models,
        refusers=("", *run.setting.refusers),
        teams=len(plan.teams),
    )


@dataclass(frozen=True)
class Seen:
    """A run as the metrics see it."""

    run: Run
    context: Context
    requests: Requests
    attempts: Attempts

    @classmethod
    def of(cls, run: Run, scenario: Scenario) -> Seen:
        """Requests from the end of the warm-up on are counted."""
        requests = requests_of(run, scenario.warmup)
        return cls(run, context_of(scenario, run), requests, attempts_of(run, requests))

    @cached_property
    def _with_cache_reads(self) -> Attempts:
        return replace(self.attempts, input=self.run.plan.input_tokens[self.attempts.row])

    def attempts_for(self, count_cached_input: bool) -> Attempts:
        """The attempts as a limit weighs them, with or without cached input."""
        return self._with_cache_reads if count_cached_input else self.attempts
