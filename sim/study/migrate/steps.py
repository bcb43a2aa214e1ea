"""What each step changes, for whom, and what a rollback would give back: paired differences on the same draws."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from sim.engine.digest import combined
from sim.errors import RunInvalid
from sim.metrics.context import Context
from sim.metrics.slo import verdicts
from sim.metrics.stats import half_width, interval, paired
from sim.metrics.tables import F64
from sim.scenario.topology import Topology
from sim.study.migrate.hybrid import Target
from sim.study.migrate.lab import Work
from sim.study.migrate.measure import Measured, measure
from sim.study.migrate.order import State
from sim.study.pool import Pool
from sim.study.progress import Progress
from sim.study.tune.goals import with_objectives

TELLING = 0.001
"""A change of a team's loss below this, averaged over the situations, is not told as one."""
SLACK = 0.005
"""A rollback is not called for by fewer 429s than this above what was simulated."""
ONE_RUN_SLACK = 0.05
NOT_TELLING = 0.9
"""A bound above this would never be left: the share varies too much to watch it."""
SHOWN = ("own_success_rate", "latency_p95_s", "throttle_wait_p95_s", "attempts_per_request", "cost_usd")


@dataclass(frozen=True)
class Stage:
    """One state, measured in every replication: arrays with replications first, teams by name."""

    state: State
    topology: Topology
    parts: tuple[Measured, ...]
    work: Work

    @property
    def losses(self) -> F64:
        """The loss of each team, averaged over the situations by weight, ``(replications, teams)``."""
        whole = np.array([part.loss for part in self.parts])
        found: F64 = np.einsum("s,rst->rt", self.work.weights, whole)
        return found

    @property
    def risk(self) -> F64:
        """Services lost, ``(replications,)``."""
        found: F64 = np.asarray(self.losses @ self.work.services, np.float64)
        return found

    def value(self, metric: str, team: str) -> F64:
        """A declared metric of the traffic as it is, ``(replications,)``; team ``total`` is everybody."""
        names = list(self.work.scenario.teams)
        column = names.index(team) if team in names else len(names)
        return np.array([part.values[metric][0, column] for part in self.parts], np.float64)

    def limited_share(self, teams: Sequence[str]) -> F64:
        """Of all attempts of some teams without any fault, those answered with 429, ``(replications,)``."""
        sent, limited = self._attempts(teams)
        return _shares(limited.sum(axis=1), sent.sum(axis=1))

    def limited_parts(self, teams: Sequence[str]) -> F64:
        """The same in each part of the measured time, over all replications, ``(BLOCKS,)``."""
        sent, limited = self._attempts(teams)
        return _shares(limited.sum(axis=0), sent.sum(axis=0))

    def _attempts(self, teams: Sequence[str]) -> tuple[F64, F64]:
        """Attempts and those answered with 429, ``(replications, BLOCKS)`` each."""
        rows = [self.work.teams.index(team) for team in teams]
        sent = np.array([part.sent[rows].sum(axis=0) for part in self.parts])
        return sent, np.array([part.limited[rows].sum(axis=0) for part in self.parts])

    def verdicts(self) -> list[dict[str, Any]]:
        """Every objective, the scenario's and those assumed, on the traffic as it is."""
        scenario = with_objectives(self.work.scenario).model_copy(update={"replications": len(self.parts)})
        names = self.parts[0].values
        values = {name: np.concatenate([part.values[name] for part in self.parts]) for name in names}
        context = Context(scenario, "", "", {}, 0, 0, "")
        own = len(self.work.scenario.slos)
        asked = {id(slo) for slo in scenario.slos[:own]}
        found = []
        for slo in scenario.slos:
            one = context.scenario.model_copy(update={"slos": (slo,)})
            for verdict in verdicts(Context(one, "", "", {}, 0, 0, ""), {"": values}):
                source = "scenario" if id(slo) in asked else "assumed"
                found.append(
                    {**{key: value for key, value in verdict.items() if key != "configuration"}, "source": source}
                )
        return found

    def below(self, situation: int, probe: str) -> tuple[float, float]:
        """Teams and services that one incident takes under their objective, means over replications."""
        rows = np.array([part.below[situation, probe] for part in self.parts], np.float64)
        return float(rows.sum(axis=1).mean()), float((rows @ self.work.services).mean())

    def hit(self, situation: int, probe: str) -> list[str]:
        """The teams that an incident takes under their objective in most replications."""
        rows = np.array([part.below[situation, probe] for part in self.parts], np.float64).mean(axis=0)
        return [team for team, share in zip(self.work.teams, rows.tolist(), strict=True) if share > 0.5]

    @property
    def digest(self) -> str:
        """The identity of all runs of this state."""
        return combined([digest for part in self.parts for digest in part.digests])


def stages(
    work: Work, target: Target, states: Sequence[State], replications: int, pool: Pool, progress: Progress
) -> list[Stage]:
    """Every state of the order, measured."""
    progress.start("running each step on your traffic", len(states) * replications)
    topologies = [target.topology(state, name_of(at)) for at, state in enumerate(states)]
    jobs = [(at, topology) for topology in topologies for at in range(replications)]
    found = pool.map(partial(measure, work), jobs)
    made = []
    for state, topology in zip(states, topologies, strict=True):
        parts = []
        for _ in range(replications):
            parts.append(next(found))
            progress.advance()
        made.append(Stage(state, topology, tuple(parts), work))
    return made


def _shares(some: F64, whole: F64) -> F64:
    found: F64 = np.divide(some, whole, out=np.zeros_like(some), where=whole > 0)
    return found


def name_of(step: int) -> str:
    """The configuration after a step: ``today``, ``step-01``, …"""
    return "today" if step == 0 else f"step-{step:02d}"


# What a step changes


def changes(before: Stage, after: Stage) -> dict[str, Any]:
    """The risk before and after, the paired difference, and whose share of it falls or rises."""
    difference = paired(before.losses, after.losses)
    improved: list[dict[str, Any]] = []
    hurt: list[dict[str, Any]] = []
    for at, team in enumerate(before.work.teams):
        mean, low, high = (float(end[at]) for end in (difference.mean, difference.low, difference.high))
        sure = (high < 0 or low > 0) if math.isfinite(low) else True
        if abs(mean) < TELLING or not sure:
            continue
        one = {
            "team": team, "services": after.work.scenario.teams[team].services, "change": difference.json(at),
            "loss_before": interval(before.losses).json(at), "loss_after": interval(after.losses).json(at),
            "success_change": paired(before.value("own_success_rate", team)[:, None],
                                     after.value("own_success_rate", team)[:, None]).json(0),
        }  # fmt: skip
        (improved if mean < 0 else hurt).append(one)
    key = _by_services
    return {
        "risk_before": interval(before.risk[:, None]).json(0), "risk_after": interval(after.risk[:, None]).json(0),
        "risk_change": paired(before.risk[:, None], after.risk[:, None]).json(0),
        "improved": sorted(improved, key=key), "hurt": sorted(hurt, key=key),
    }  # fmt: skip


def _by_services(one: Mapping[str, Any]) -> tuple[float, str]:
    return -abs(one["change"]["mean"] * one["services"]), str(one["team"])


def incidents(stage: Stage) -> list[dict[str, Any]]:
    """Each probe of each drill: whose it is, and how many teams and services it takes below their objective."""
    found = []
    for at, situation in enumerate(stage.work.situations):
        for probe in situation.probes:
            teams, services = stage.below(at, probe.name)
            found.append({
                "team": situation.team, "incident": probe.name, "teams_below": teams, "services_below": services,
                "hit": stage.hit(at, probe.name),
            })  # fmt: skip
    return found


def told_of(stage: Stage) -> dict[str, Any]:
    """What every team gets in one state, on the traffic as it is; and its loss over all situations."""
    loss = interval(stage.losses)
    teams = {
        team: {"loss": loss.json(at)} | {name: interval(stage.value(name, team)[:, None]).json(0) for name in SHOWN}
        | {"rate_limited_share": interval(stage.limited_share([team])[:, None]).json(0)}
        for at, team in enumerate(stage.work.teams)
    }  # fmt: skip
    total = {name: interval(stage.value(name, "total")[:, None]).json(0) for name in SHOWN}
    total["rate_limited_share"] = interval(stage.limited_share(stage.work.teams)[:, None]).json(0)
    return {"teams": teams, "total": total}


# When to go back


def watch(stage: Stage, key: str, teams: Sequence[str]) -> dict[str, Any]:
    """What to watch of one key after a step, and beyond which value to go back.

    The bound is the upper end of the 95 % prediction interval of one more run (Hahn and Meeker,
    Statistical Intervals, 1991, §4.7), and at least half a point above the mean. Where every run replays the
    same log, runs hardly differ: then it is that of one more tenth of the measured time.
    """
    mean = float(stage.limited_share(teams).mean())
    values = stage.limited_parts(teams) if replayed(stage.work) else stage.limited_share(teams)
    bound = min(1.0, max(mean + SLACK, _upper(values)))
    return {
        "key": key,
        "teams": list(teams),
        "metric": "429 share of attempts",
        "expected": mean,
        "least": float(values.min()),
        "most": float(values.max()),
        "bound": bound,
        "telling": bound < NOT_TELLING,
    }


def replayed(work: Work) -> bool:
    """Whether every replication has the same arrivals: all of them come out of traces."""
    teams = work.scenario.teams.values()
    return all(workload.arrivals.trace is not None for team in teams for workload in team.workload)


def _upper(values: F64) -> float:
    count = len(values)
    if count < 2:
        return float(values.mean()) + ONE_RUN_SLACK
    # The half width of a mean of n is t s / sqrt(n); of one more value it is sqrt(n + 1) times as much.
    half = float(half_width(np.asarray(values.std(ddof=1)), np.asarray(float(count))))
    return float(values.mean()) + half * math.sqrt(count + 1)


def rolled_back(work: Work, written: Topology, before: Stage) -> bool:
    """Whether the exported configuration of the state before a step gives that state's results again, to the digit.

    Raises RunInvalid where it does not: then an export would not undo its step.
    """
    again = measure(work, (0, written))
    if again.digests != before.parts[0].digests:
        raise RunInvalid(
            f"the exported configuration {written.name!r} does not give the results of the state before; "
            "please report this scenario"
        )
    return True
