"""One run of a study: a configuration on a replication's plan, with the checks that every run must pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sim.engine.agenda_compiled import ATTEMPT_ROWS
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
    from sim.study.progress import Progress


@dataclass(frozen=True)
class Run:
    """One configuration on one replication's plan: what happened, and its identity."""

    setting: Setting
    replication: int
    plan: Plan
    result: RunResult
    digest: str


_SMALLEST = """
name: smallest
duration: 1m
teams:
  one:
    workload: [{arrivals: {constant: {rate: 6/min}}, model: claude-haiku-4-5, input_tokens: 1, output_tokens: 1}]
configurations: {shared: {isolation: shared}}
"""


def compile_once(engine: str, progress: Progress) -> None:
    """Make the compiled engine's machine code if it is not on disk, before many workers would each make it."""
    from sim.engine.kernel_source import cache_root, is_warm

    if engine != "compiled" or is_warm():
        return
    progress.note(f"compiling the engine once, into {cache_root()}; later runs start at once")
    loaded = smallest()
    checked_run(engine, settings_of(loaded, None)[0], build_plan(loaded.scenario, 0, {}), 0)


def smallest() -> Loaded:
    """A scenario that is just enough to make an engine compile."""
    from sim.scenario.loader import load_text

    return load_text(_SMALLEST, Path("smallest.yaml"))


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


def checked_run(engine: str, setting: Setting, plan: Plan, replication: int, rows: int = ATTEMPT_ROWS) -> Run:
    """Run and assert conservation: every planned request has exactly one outcome.

    ``rows``: what is kept (sim.engine.tables.World.rows); less is faster, and the outcomes are the same.
    """
    result = run_world(engine, build_world(setting, plan)._replace(rows=rows))
    ended = int(np.count_nonzero((result.outcome >= 0) & (result.outcome <= NOT_STARTED)))
    if not ended == len(result.outcome) == len(plan):
        raise RunInvalid(
            f"{setting.name}, replication {replication}: {len(plan):,} requests planned, {ended:,} reported"
        )
    return Run(setting, replication, plan, result, digest(result))


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


def names_of(settings: Sequence[Setting]) -> Names:
    """The categories that all tables of the study share."""
    keys = dict.fromkeys(key for setting in settings for key in setting.keys)
    refusers = dict.fromkeys(["", *(name for setting in settings for name in setting.refusers)])
    first = settings[0]
    configurations = tuple(setting.name for setting in settings)
    return Names(configurations, first.teams, tuple(keys), first.models, tuple(refusers))


def labels_of(setting: Setting, replication: int, names: Names) -> Labels:
    """How the numbers of a run of this configuration map into the study's names."""
    keys = [names.keys.index(key) for key in setting.keys]
    refuser = [names.refusers.index(name) for name in setting.refusers]
    return Labels(setting.name, replication, keys, refuser)
