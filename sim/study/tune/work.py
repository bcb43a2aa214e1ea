"""What the jobs of a tuning study share, so that they can happen in threads, processes or elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import numpy as np

from sim.engine.tables import LOG
from sim.engine.world import Setting, build_setting
from sim.scenario.plan import WORKLOAD, Plan, build_plan, model_names
from sim.scenario.schema import Scenario
from sim.scenario.topology import Topology
from sim.scenario.workloads import Trace
from sim.study.runs import Run, agree, checked_run
from sim.study.tune.goals import objectives
from sim.study.tune.lab import Job, own_plan
from sim.study.tune.measure import Frame
from sim.study.tune.needs import Needs
from sim.study.tune.project import Found, partial, study
from sim.study.tune.search import Cell
from sim.study.tune.subjects import Subject, subjects_of
from sim.study.tune.together import One
from sim.workload.importers.trace_rows import TraceRows


class Work:
    """The scenario and the configuration to tune. Pickles without the plans, which are drawn where they are needed."""

    def __init__(
        self, scenario: Scenario, traces: Mapping[Trace, TraceRows], topology: Topology,
        dimensions: tuple[str, ...], engine: str, exports: tuple[str, ...],
    ) -> None:  # fmt: skip
        self.scenario, self.traces, self.topology = scenario, dict(traces), topology
        self.dimensions, self.engine, self.exports = dimensions, engine, exports
        self._plans: dict[int, Plan] = {}
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, object]:
        kept = {name: value for name, value in self.__dict__.items() if name != "_lock"}
        return kept | {"_plans": {}}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def plan(self, replication: int) -> Plan:
        """One replication's plan, drawn once."""
        with self._lock:
            if replication not in self._plans:
                self._plans[replication] = build_plan(self.scenario, replication, self.traces)
            return self._plans[replication]

    def subject(self, name: str) -> Subject:
        """A tuned node by its name."""
        return next(one for one in subjects_of(self.topology) if one.name == name)

    def job(self, name: str) -> Job:
        """What it takes to search one project.

        A team without objectives of its own whose job runs away is judged without what that job
        sends: a limit is there to stop it.
        """
        subject, asked = self.subject(name), objectives(self.scenario)
        plans = [self.plan(at) for at in range(self.scenario.replications)]
        contained = self._runs_away(subject) and all(
            one.source == "default" for team in subject.teams for one in asked[team]
        )
        own = tuple(own_plan(plan, subject.teams, contained=contained) for plan in plans)
        wanted = tuple(one for team in subject.teams for one in asked[team])
        return Job(self.scenario, self.topology, subject, own, wanted, self.dimensions, self.engine, contained)

    def _runs_away(self, subject: Subject) -> bool:
        plan = self.plan(0)
        codes = [plan.teams.index(team) for team in subject.teams]
        return bool(np.any((plan.origin != WORKLOAD) & np.isin(plan.team, codes)))

    def study(self, name: str) -> Found:
        """Search one project."""
        return study(self.job(name), self.exports)

    def partial(self, item: tuple[str, Needs]) -> dict[int, tuple[Cell, ...]]:
        """One project's contours for fewer objectives than all."""
        name, needs = item
        return partial((self.job(name), needs))

    def setting(self, topology: Topology) -> Setting:
        """A configuration ready for any plan."""
        teams = tuple(sorted(self.scenario.teams))
        return build_setting(self.scenario, topology, teams, model_names(self.scenario))

    def run(self, replication: int, topology: Topology) -> Run:
        """Everybody in one replication of a configuration."""
        return checked_run(self.engine, self.setting(topology), self.plan(replication), replication)

    def joint(self, item: tuple[int, Topology]) -> One:
        """The same, measured."""
        run = self.run(*item)
        frame = Frame.of(self.scenario, [run.plan])
        return One(frame.values([run.result]), self._refused(run), run.digest)

    def _refused(self, run: Run) -> dict[str, float]:
        """The share of all attempts that each refuser beside the tuned limits refused."""
        code = run.result.log[:, LOG.index("refused_by")]
        own = {one.path for one in subjects_of(self.topology)}
        told = {}
        for at, name in enumerate(run.setting.refusers):
            row = run.setting.rows.limits[at] if at < len(run.setting.rows.limits) else None
            account = row is not None and row.level == "account" and (_account_of(row.name),) not in own
            if account or name.startswith("slots:"):
                told[name] = float(np.count_nonzero(code == at) / max(1, len(code)))
        return told

    def check(self, topology: Topology) -> str:
        """Run the first replication in a second engine too; its digest. Raises RunInvalid where they differ."""
        run = self.run(0, topology)
        agree(run, "plain" if self.engine == "simpy" else "simpy")
        return run.digest


def _account_of(row: str) -> str:
    """The account in a row's name, as ``account:NAME:requests``."""
    return row.removeprefix("account:").rpartition(":")[0]
