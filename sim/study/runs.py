"""Running every configuration on every replication's plan, in order, with the checks of each run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from sim.engine.digest import digest
from sim.engine.frames import Labels, Names
from sim.engine.run import run_world
from sim.engine.tables import RunResult
from sim.engine.world import Setting, build_setting, build_world
from sim.errors import BadInput, RunInvalid
from sim.results.columns import NOT_STARTED, SUCCEEDED
from sim.scenario.plan import Plan, build_plan, expected_by_team, model_names
from sim.scenario.topology import build_topology

if TYPE_CHECKING:
    from sim.scenario.loader import Loaded

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Run:
    """One configuration on one replication's plan: what happened, and its identity."""

    setting: Setting
    replication: int
    plan: Plan
    result: RunResult
    digest: str


def settings_of(loaded: Loaded, only: Sequence[str] | None) -> list[Setting]:
    """The configurations to run, in the order of the file. Raises BadInput for an unknown name."""
    scenario = loaded.scenario
    unknown = [name for name in only or () if name not in scenario.configurations]
    if unknown:
        names = ", ".join(scenario.configurations)
        raise BadInput("no such configuration", value=repr(unknown[0]), hint=f"one of {names}")
    expected = expected_by_team(scenario, loaded.traces)
    teams, models = tuple(sorted(scenario.teams)), model_names(scenario)
    return [
        build_setting(scenario, build_topology(name, configuration, expected), teams, models)
        for name, configuration in scenario.configurations.items()
        if only is None or name in only
    ]


def checked_run(engine: str, setting: Setting, plan: Plan, replication: int) -> Run:
    """Run and assert conservation: every planned request has exactly one outcome."""
    result = run_world(engine, build_world(setting, plan))
    ended = int(np.count_nonzero((result.outcome >= 0) & (result.outcome <= NOT_STARTED)))
    if not ended == len(result.outcome) == len(plan):
        raise RunInvalid(
            f"{setting.name}, replication {replication}: {len(plan):,} requests planned, {ended:,} reported"
        )
    return Run(setting, replication, plan, result, digest(result))


def ordered(work: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
    """``map`` with a few items ahead in threads; results come in order, so threads change nothing."""
    if workers <= 1:
        yield from map(work, items)
        return
    source = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        ahead: list[Future[R]] = [pool.submit(work, item) for item in islice(source, workers + 1)]
        while ahead:
            done = ahead.pop(0).result()
            ahead += [pool.submit(work, item) for item in islice(source, 1)]
            yield done


def workers_for(engine: str) -> int:
    """Threads help only where the engine lets go of the interpreter."""
    return min(8, os.cpu_count() or 1) if engine == "compiled" else 1


def plans(loaded: Loaded) -> Iterator[Plan]:
    """The plan of each replication."""
    for replication in range(loaded.scenario.replications):
        yield build_plan(loaded.scenario, replication, loaded.traces)


def all_runs(loaded: Loaded, settings: Sequence[Setting], engine: str) -> Iterator[Run]:
    """Every replication in every configuration: replication by replication, in the file's order."""
    jobs = ((setting, plan, replication) for replication, plan in enumerate(plans(loaded)) for setting in settings)
    yield from ordered(lambda job: checked_run(engine, *job), jobs, workers_for(engine))


def agree(run: Run, engine: str) -> None:
    """Run the same once more in another engine. Raises RunInvalid when anything differs."""
    other = checked_run(engine, run.setting, run.plan, run.replication)
    if other.digest != run.digest:
        differs = np.flatnonzero(
            (other.result.outcome != run.result.outcome)
            | (other.result.finish != run.result.finish)
            | (other.result.attempts != run.result.attempts)
            | (other.result.cost != run.result.cost)
        )
        raise RunInvalid(
            f"engines disagree on {run.setting.name}: {len(differs):,} requests differ, the first is {differs[0]}; "
            "please report this scenario"
        )


@dataclass(frozen=True)
class Without:
    """One counterfactual run: for each victim, what it offered and what succeeded without ``left_out``."""

    configuration: str
    replication: int
    left_out: str
    offered: tuple[int, ...]
    succeeded: tuple[int, ...]


def counts(run: Run, warmup_ns: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Per team of the plan: measured requests that arrived, and those that succeeded."""
    teams = len(run.plan.teams)
    measured = run.result.arrival >= warmup_ns
    won = measured & (run.result.outcome == SUCCEEDED)
    offered = np.bincount(run.plan.team[measured], minlength=teams)
    return tuple(offered.tolist()), tuple(np.bincount(run.plan.team[won], minlength=teams).tolist())


def counterfactuals(loaded: Loaded, settings: Sequence[Setting], engine: str) -> Iterator[Without]:
    """Each team left out in turn, on the same draws, in every configuration and replication."""

    def one(job: tuple[Setting, Plan, int, str]) -> Without:
        setting, plan, replication, team = job
        run = checked_run(engine, setting, plan.without(team), replication)
        return Without(setting.name, replication, team, *counts(run, loaded.scenario.warmup))

    jobs = (
        (setting, plan, replication, team)
        for replication, plan in enumerate(plans(loaded))
        for team in plan.teams
        for setting in settings
    )
    yield from ordered(one, jobs, workers_for(engine))


def names_of(settings: Sequence[Setting]) -> Names:
    """The categories that all tables of the study share."""
    keys = dict.fromkeys(key for setting in settings for key in setting.keys)
    refusers = dict.fromkeys(["", *(name for setting in settings for name in setting.refusers)])
    first = settings[0]
    configurations = tuple(setting.name for setting in settings)
    return Names(configurations, first.teams, tuple(keys), first.models, tuple(refusers))


def labels_of(run: Run, names: Names) -> Labels:
    """How this run's numbers map into the study's names."""
    setting = run.setting
    key_of_team = [names.keys.index(setting.keys[key]) for key in setting.team_key]
    refuser = [names.refusers.index(name) for name in setting.refusers]
    return Labels(setting.name, run.replication, key_of_team, refuser)
