"""One project's whole study, in one call that may happen in another process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sim.study.tune import details
from sim.study.tune.goals import Goal, Reading, gap, interval_json, levels
from sim.study.tune.lab import Job, Lab, Trial
from sim.study.tune.needs import Needs, find, partial_contour
from sim.study.tune.search import Cell
from sim.study.tune.settings import Settings
from sim.units import SECOND


@dataclass(frozen=True)
class Found:
    """What one project needs, and everything that is told about it."""

    name: str
    needs: Needs
    told: Mapping[str, Any]

    @property
    def settings(self) -> Settings | None:
        """The cheapest settings that meet its goals."""
        return self.needs.settings

    @property
    def goals(self) -> tuple[Goal, ...]:
        """What its objectives were made into."""
        return self.needs.ceiling.goals


def study(job: Job, exports: tuple[str, ...] = (), *, around: bool = True) -> Found:
    """Search one project, and look around what was found; without ``around`` only what exports need is told."""
    lab = Lab(job)
    needs = find(lab)
    told = _head(job, needs)
    if needs.settings is not None:
        told |= (_around if around else _use)(lab, needs, needs.settings)
        told["exports"] = _exports(lab, needs, needs.settings, exports)
    search = {
        "trials": lab.trials,
        "runs": lab.trials * lab.replications,
        "violations": needs.violations,
        "blind_grid": details.blind_grid(needs.contour, needs.room),
    }
    return Found(job.subject.name, needs, {**told, "search": search})


def _head(job: Job, needs: Needs) -> dict[str, Any]:
    return {
        "path": list(job.subject.path),
        "account": job.subject.account,
        "teams": list(job.subject.teams),
        "contained": job.contained,
        "current": job.subject.base.current(),
        "kept_limits": len(job.subject.base.fixed),
        "measured_s": (job.scenario.duration - job.scenario.warmup) / SECOND,
        "objectives": [_objective(goal, needs) for goal in needs.ceiling.goals],
        "needed": None if needs.settings is None else needs.settings.values,
        "slowest_rpm": needs.room.floor,
        "contour": [{"rpm": rpm, "burst": burst, "worst_minute": rpm + burst} for rpm, burst in needs.contour],
    }


def _objective(goal: Goal, needs: Needs) -> dict[str, Any]:
    """An objective and how far it can be reached at all."""
    slo = goal.objective.slo
    kept, free = (found[goal.objective] for found in (needs.ceiling.kept, needs.ceiling.free))
    return {
        "text": goal.objective.text, "team": slo.team, "metric": slo.metric, "op": slo.op, "bound": slo.bound,
        "source": goal.objective.source, "reach": goal.reach, "unlimited": interval_json(kept.values),
        "without_any_limit": interval_json(free.values), "met_without_any_limit": _mean_meets(goal, free),
        "short_by": gap(slo, float(kept.interval.mean[()])), "near": goal.near,
    }  # fmt: skip


def _mean_meets(goal: Goal, reading: Reading) -> bool:
    return not reading.silent and goal.objective.slo.met_by(float(reading.interval.mean[()]))


def _use(lab: Lab, _: Needs, found: Settings) -> dict[str, Any]:
    """What the project uses and what it gets, alone under its settings."""
    used, values = details.facts(lab, found)
    return {
        "teams_alone": details.shown(values, tuple(lab.job.scenario.teams), lab.job.subject.teams),
        "traffic": used,
    }


def _around(lab: Lab, needs: Needs, found: Settings) -> dict[str, Any]:
    goals = needs.ceiling.goals
    return {
        "alone": details.trial_json(lab, goals, Trial(found)),
        **_use(lab, needs, found),
        "map": details.map_of(lab, needs, found),
        "sensitivity": details.sensitivity(lab, goals, found),
        "needed_ci95": details.bounds(lab, goals, found),
        "retry": details.retries(lab, needs, found),
        "theory": details.compared_with_theory(lab, needs, found),
    }


def _exports(lab: Lab, needs: Needs, found: Settings, exports: tuple[str, ...]) -> dict[str, Any]:
    """The searches that only one form of export needs."""
    told: dict[str, Any] = {}
    if found["rpm"] is None:
        return told
    if "litellm" in exports:
        told["window_rpm"] = details.in_windows(lab, needs, found)
    if "anthropic" in exports:
        told["provider_burst_rpm"] = details.on_the_diagonal(lab, needs, found)
    return told


def partial(work: tuple[Job, Needs]) -> dict[int, tuple[Cell, ...]]:
    """For each level below all goals (:func:`sim.study.tune.goals.levels`): the contour at which it is reached."""
    job, needs = work
    lab = Lab(job)
    return {least: partial_contour(lab, needs, least) for least in levels(needs.ceiling.goals)}
