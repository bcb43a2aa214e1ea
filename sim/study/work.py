"""What the runs of a comparison share, and each run as a small job, so that they can happen anywhere.

A job is a few numbers: which replication, which configuration, who is left out. Whoever does it
draws the plan itself, and keeps it for the next job on the same draws, instead of being sent it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.engine.frames import Names, attempt_frame, request_frame
from sim.engine.world import Setting
from sim.scenario.plan import Plan, build_plan
from sim.scenario.schema import Scenario
from sim.scenario.workloads import Trace
from sim.study.pool import Pool
from sim.study.runs import Run, Without, agree, checked_run, counts, labels_of, names_of
from sim.workload.importers.trace_rows import TraceRows

if TYPE_CHECKING:
    import pandas as pd

    from sim.scenario.loader import Loaded

KEPT = 2
"""Plans that are kept: the one in use and the one before, which others may still be at."""


class Plans:
    """The plan of each replication, drawn when it is first asked for. Pickles without what it drew."""

    def __init__(self, scenario: Scenario, traces: Mapping[Trace, TraceRows]) -> None:
        self.scenario = scenario
        self.traces = dict(traces)
        self._drawn: dict[int, Plan] = {}
        self._lock = threading.Lock()

    def of(self, replication: int) -> Plan:
        """One replication's plan, the same for everybody who asks."""
        with self._lock:
            if replication not in self._drawn:
                for old in sorted(self._drawn)[: max(0, len(self._drawn) + 1 - KEPT)]:
                    del self._drawn[old]
                self._drawn[replication] = build_plan(self.scenario, replication, self.traces)
            return self._drawn[replication]

    def __reduce__(self) -> tuple[type[Plans], tuple[Scenario, dict[Trace, TraceRows]]]:
        return Plans, (self.scenario, self.traces)


@dataclass(frozen=True)
class Told:
    """What a study keeps of one run: its rows, its identity, what was offered and won."""

    replication: int
    requests: pd.DataFrame
    attempts: pd.DataFrame
    digest: str
    whole: Without


@dataclass(frozen=True)
class Work:
    """What all runs share. Its methods are jobs: (replication, place of the configuration, …)."""

    plans: Plans
    settings: tuple[Setting, ...]
    engine: str
    names: Names

    @staticmethod
    def of(loaded: Loaded, settings: Sequence[Setting], engine: str) -> Work:
        """The work of a study of these configurations."""
        return Work(Plans(loaded.scenario, loaded.traces), tuple(settings), engine, names_of(settings))

    def run(self, job: tuple[int, int]) -> Run:
        """One run, whole."""
        replication, place = job
        return checked_run(self.engine, self.settings[place], self.plans.of(replication), replication)

    def told(self, job: tuple[int, int]) -> Told:
        """One run as its rows."""
        run = self.run(job)
        labels = labels_of(run.setting, run.replication, self.names)
        whole = Without(run.setting.name, run.replication, "", *counts(run, self.plans.scenario.warmup))
        requests = request_frame(run.result, labels, self.names)
        return Told(run.replication, requests, attempt_frame(run.result, labels, self.names), run.digest, whole)

    def without(self, job: tuple[int, int, str]) -> Without:
        """One run with a team left out, on the same draws."""
        replication, place, team = job
        plan, setting = self.plans.of(replication).without(team), self.settings[place]
        run = checked_run(self.engine, setting, plan, replication)
        return Without(setting.name, replication, team, *counts(run, self.plans.scenario.warmup))

    def digest_of(self, job: tuple[int, int, str]) -> str:
        """The identity of one run in another engine."""
        replication, place, engine = job
        return checked_run(engine, self.settings[place], self.plans.of(replication), replication).digest


def all_runs(work: Work, pool: Pool) -> Iterator[Told]:
    """Every replication in every configuration: replication by replication, in the file's order."""
    count = work.plans.scenario.replications
    return pool.map(work.told, ((at, place) for at in range(count) for place in range(len(work.settings))))


def counterfactuals(work: Work, pool: Pool) -> Iterator[Without]:
    """Each team left out in turn, in every configuration and replication."""
    count, places, teams = work.plans.scenario.replications, range(len(work.settings)), work.settings[0].teams
    jobs = ((at, place, team) for at in range(count) for team in teams for place in places)
    return pool.map(work.without, jobs)


def check_engines(work: Work, pool: Pool, digests: Sequence[str], other: str, found: Sequence[str] | None) -> None:
    """Whether another engine says the same of the first replication; ``digests`` are those of its runs here.

    ``found`` are the other engine's if it ran already; otherwise it runs now. Raises RunInvalid when anything differs.
    """
    if found is None:
        found = list(pool.map(work.digest_of, ((0, place, other) for place in range(len(work.settings)))))
    for place, (theirs, ours) in enumerate(zip(found, digests, strict=True)):
        if theirs != ours:
            agree(work.run((0, place)), other)  # says what differs
