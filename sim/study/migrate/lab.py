"""Runs states of a migration on the same draws: what each team loses, and the risk that is made of it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.engine.tables import RunResult
from sim.engine.world import Setting, build_setting
from sim.metrics.tables import F64
from sim.results.columns import SUCCEEDED
from sim.scenario.plan import WORKLOAD, Plan, build_plan, model_names
from sim.scenario.schema import Scenario
from sim.scenario.topology import Topology
from sim.scenario.workloads import Trace
from sim.study.migrate.drills import CALM, Situation
from sim.study.migrate.hybrid import Target
from sim.study.migrate.order import State
from sim.study.pool import Pool
from sim.study.runs import Run, agree, checked_run
from sim.study.tune.measure import Frame
from sim.units import SECOND
from sim.workload.importers.trace_rows import TraceRows

LATE = 30 * SECOND
"""An answer that refusals held up for longer is no answer to a service that waits for it."""
NO_LOG, WITH_LOG = 1, 2


@dataclass(frozen=True)
class Read:
    """One run: each team's own measured requests and those that were lost, ``(teams,)``, and the run's identity."""

    offered: F64
    lost: F64
    digest: str

    @property
    def loss(self) -> F64:
        """The share of each team's own requests that were lost; 0 where it sent none."""
        return np.divide(self.lost, self.offered, out=np.zeros_like(self.lost), where=self.offered > 0)


def lost(plan: Plan, result: RunResult, warmup_ns: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which requests count (a team's own, measured), and which of them were lost: not answered, or late."""
    counted = (plan.origin == WORKLOAD) & (result.arrival >= max(0, warmup_ns))
    good = (result.outcome == SUCCEEDED) & (result.throttle <= LATE)
    return counted, counted & ~good


class Work:
    """What runs share. Pickles without the plans, which are drawn where they are needed.

    ``topologies`` are made by a state; teams are in the plans' order, which is by name.
    """

    def __init__(
        self, situations: Sequence[Situation], traces: Mapping[Trace, TraceRows], target: Target, engine: str
    ) -> None:
        self.situations, self.traces, self.target, self.engine = tuple(situations), dict(traces), target, engine
        self._plans: dict[tuple[int, int], Plan] = {}
        self._settings: dict[tuple[int, State], Setting] = {}
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, object]:
        kept = {name: value for name, value in self.__dict__.items() if name != "_lock"}
        return kept | {"_plans": {}, "_settings": {}}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def aim(self, target: Target) -> None:
        """Run states of another target from now on; plans stay."""
        self.target = target
        self._settings.clear()

    @property
    def scenario(self) -> Scenario:
        """The user's own."""
        return self.situations[0].scenario

    @property
    def teams(self) -> tuple[str, ...]:
        """All teams by name: the order of every array here."""
        return tuple(sorted(self.scenario.teams))

    @property
    def services(self) -> F64:
        """The services of each of :attr:`teams`."""
        return np.array([self.scenario.teams[team].services for team in self.teams], np.float64)

    @property
    def calm(self) -> int:
        """The situation that an ordinary day is like: the one without faults, where there is one."""
        last = len(self.situations) - 1
        return last if self.situations[last].name == CALM else 0

    @property
    def weights(self) -> F64:
        """Each situation's part of the risk."""
        return np.array([one.weight for one in self.situations])

    def plan(self, situation: int, replication: int) -> Plan:
        """One replication's plan under a situation, drawn once."""
        with self._lock:
            key = situation, replication
            if key not in self._plans:
                self._plans[key] = build_plan(self.situations[situation].scenario, replication, self.traces)
            return self._plans[key]

    def setting(self, situation: int, topology: Topology) -> Setting:
        """A configuration ready for a situation's plans."""
        scenario = self.situations[situation].scenario
        return build_setting(scenario, topology, self.teams, model_names(scenario))

    def _state(self, situation: int, state: State) -> Setting:
        with self._lock:
            if (situation, state) not in self._settings:
                made = self.setting(situation, self.target.topology(state, "state"))
                self._settings[situation, state] = made
            return self._settings[situation, state]

    def run(self, situation: int, replication: int, state: State, rows: int = WITH_LOG) -> Run:
        """One run of a state."""
        return checked_run(
            self.engine, self._state(situation, state), self.plan(situation, replication), replication, rows
        )

    def read(self, job: tuple[int, int, State]) -> Read:
        """One run, as what each team lost."""
        situation, replication, state = job
        return self.read_of(self.run(situation, replication, state, NO_LOG))

    def read_of(self, run: Run) -> Read:
        """What each team lost in a run."""
        counted, gone = lost(run.plan, run.result, self.scenario.warmup)
        teams = len(run.plan.teams)
        offered, missing = (np.bincount(run.plan.team[rows], minlength=teams).astype(float) for rows in (counted, gone))
        return Read(offered, missing, run.digest)

    def without(self, job: tuple[int, str]) -> Read:
        """Today's keys with one team left out, the traffic as it is."""
        replication, team = job
        plan = self.plan(0, replication).without(team)
        return self.read_of(checked_run(self.engine, self._state(0, frozenset()), plan, replication, NO_LOG))

    def check(self, state: State) -> str:
        """The first replication of a state in a second engine too. Raises RunInvalid where they differ."""
        run = self.run(0, 0, state)
        agree(run, "plain" if self.engine == "simpy" else "simpy")
        return run.digest

    def frame(self, replications: int) -> Frame:
        """What metrics of the traffic as it is are computed with."""
        return Frame.of(self.scenario, [self.plan(0, at) for at in range(replications)])


class Lab:
    """Risks of states, remembered: the mean over replications of what all services together lose."""

    def __init__(self, work: Work, pool: Pool, replications: int) -> None:
        self.work, self.pool, self.replications = work, pool, replications
        self._known: dict[State, F64] = {}

    def losses(self, states: Sequence[State]) -> None:
        """Run what is not known yet of these states, all in one go."""
        new = [state for state in dict.fromkeys(states) if state not in self._known]
        counting = np.flatnonzero(self.work.weights).tolist()
        jobs = [(situation, at, state) for state in new for situation in counting
                for at in range(self.replications)]  # fmt: skip
        found = self.pool.map(partial(_loss, self.work), jobs)
        shape = len(counting), self.replications, len(self.work.teams)
        for state in new:
            rows = [next(found) for _ in range(shape[0] * shape[1])]
            self._known[state] = np.array(rows).reshape(shape)

    def loss(self, state: State) -> F64:
        """The share of its own requests that each team loses, ``(situations that count, replications, teams)``."""
        self.losses([state])
        return self._known[state]

    def at_risk(self, state: State) -> F64:
        """Each team's part of the risk in each replication, ``(replications, teams)``: services lost."""
        weights = self.work.weights
        found: F64 = np.einsum("s,srt->rt", weights[weights > 0], self.loss(state)) * self.work.services
        return found

    def risks(self, states: Sequence[State]) -> list[float]:
        """The mean risk of each state."""
        self.losses(states)
        return [float(self.at_risk(state).sum(axis=1).mean()) for state in states]

    @property
    def evaluated(self) -> int:
        """Different states that were run."""
        return len(self._known)


def _loss(work: Work, job: tuple[int, int, State]) -> Any:
    return work.read(job).loss
