"""The whole study: search each project alone, divide the account, run everybody together, and tell it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sim.engine.digest import combined
from sim.metrics.summary import json_safe
from sim.scenario.keys import Limits
from sim.scenario.loader import Loaded
from sim.scenario.plan import expected_by_team
from sim.scenario.topology import Topology
from sim.study.pool import THREADS, Pool, open_pool
from sim.study.progress import Progress
from sim.study.tune.arrange import Account, Arrangement, accounts_of, arrangement, check, with_capacity
from sim.study.tune.divide import Chosen, Levels, Way, choose, told, total, ways
from sim.study.tune.goals import objectives, untuned, with_objectives
from sim.study.tune.options import Options
from sim.study.tune.project import Found
from sim.study.tune.settings import PLANE, Settings
from sim.study.tune.subjects import Path as NodePath
from sim.study.tune.subjects import with_limits
from sim.study.tune.together import Joint, difference, joined
from sim.study.tune.work import Work

RULE = (
    "Of all settings that meet a project's objectives, the one with the fewest requests in its worst minute: "
    "RPM + burst is the most that can be admitted in any minute."
)


@dataclass(frozen=True)
class Study:
    """What a tuning study found: the summary, the scenario's objectives that are still missed, and where it is."""

    summary: dict[str, Any]
    missed: list[dict[str, Any]]
    directory: Path | None


@dataclass(frozen=True)
class _Study:
    """What every step needs."""

    work: Work
    options: Options
    found: Arrangement
    accounts: tuple[Account, ...]
    pool: Pool
    progress: Progress

    @property
    def base(self) -> Topology:
        """The tuned configuration with what the account gives."""
        return with_capacity(self.found.topology, self.options.account_capacity)


def tune(loaded: Loaded, options: Options, progress: Progress) -> Study:
    """Find the smallest limits for every project of a scenario.

    Raises BadInput for a configuration, an engine or an executor that does not exist, and
    RunInvalid when two engines disagree on the recommended arrangement.
    """
    expected = expected_by_team(loaded.scenario, loaded.traces)
    found = arrangement(loaded.scenario, expected, options.configuration)
    work = Work(
        loaded.scenario,
        loaded.traces,
        found.topology,
        options.dimensions,
        options.engine,
        options.exports,
    )
    check(found, options.dimensions)
    accounts = accounts_of(found, options.dimensions, options.account_capacity)
    with open_pool(options.executor, _workers(options)) as pool:
        study = _Study(work, options, found, accounts, pool, progress)
        summary = dict(json_safe(_told(study, loaded)))
    missed = [one for one in summary["objectives"] if not one["met"] and one["source"] == "scenario"]
    if options.out is not None:
        from sim.study.tune.files import write

        write(options.out, loaded, options, found, summary)
    return Study(summary, missed, options.out)


def _workers(options: Options) -> int | None:
    """Threads help only where the engine lets go of the interpreter."""
    return 1 if options.executor == THREADS and options.engine != "compiled" else options.workers


def _told(study: _Study, loaded: Loaded) -> dict[str, Any]:
    """Every step, and what is told of it."""
    found = _search(study)
    tried, chosen = _share(study, found)
    fresh = _fresh(study, chosen)
    digest = study.work.check(_arranged(study, chosen))
    scenario = loaded.scenario
    return {
        "kind": "tune",
        "scenario": {"name": scenario.name, "sha256": loaded.sha256, "question": scenario.question},
        "seed": scenario.seed, "replications": scenario.replications, "engine": study.options.engine,
        "configuration": _configuration(study), "dimensions": list(study.options.dimensions), "rule": RULE,
        "projects": {name: _project(study, one, chosen, tried, fresh) for name, one in found.items()},
        "sums": _sums(study, found, chosen), "accounts": [one for _, one in tried],
        "objectives": _objectives(study, fresh), "untuned": list(untuned(scenario)),
        "refused_beside": {name: dict(joint.refused) for name, joint in fresh.items()},
        "search": _searched(found), "checks": {"digest": digest, "together": combined(fresh["recommended"].digests)},
    }  # fmt: skip


def _configuration(study: _Study) -> dict[str, Any]:
    found = study.found
    return {
        "name": found.topology.name, "isolation": found.topology.isolation, "built": found.built,
        "today": found.today.name, "today_isolation": found.today.isolation,
        "account_capacity": None if study.options.account_capacity is None else str(study.options.account_capacity),
    }  # fmt: skip


# One project at a time


def _search(study: _Study) -> dict[str, Found]:
    names = [one.name for one in study.found.subjects]
    study.progress.start("searching each project alone", len(names))
    found: dict[str, Found] = {}
    for one in study.pool.map(study.work.study, names):
        found[one.name] = one
        study.progress.advance()
    return found


def _levels(study: _Study, account: Account, found: Mapping[str, Found]) -> Levels:
    """The contours for fewer goals than all, of projects that have several."""
    names = [name for name in account.subjects if found[name].settings is not None and len(found[name].goals) > 1]
    items = [(name, found[name].needs) for name in names]
    return dict(zip(names, study.pool.map(study.work.partial, items), strict=True))


# Everybody together


def _arranged(study: _Study, chosen: Chosen) -> Topology:
    """The tuned configuration with these settings."""
    limits: dict[NodePath, tuple[Limits, ...]] = {
        one.path: one.base.limits(chosen[one.name]) for one in study.found.subjects if one.name in chosen
    }
    return with_limits(study.base, limits)


def _together(study: _Study, topology: Topology, replications: Iterable[int]) -> Joint:
    items = [(at, topology) for at in replications]
    return joined(with_objectives(study.work.scenario), list(study.pool.map(study.work.joint, items)))


def _share(study: _Study, found: Mapping[str, Found]) -> tuple[list[tuple[Way, dict[str, Any]]], Chosen]:
    """Divide every account that is too small; the settings that are recommended."""
    chosen: Chosen = {name: one.settings for name, one in found.items() if one.settings is not None}
    study.progress.start("running everybody together", 1 + 2 * len(study.accounts))
    tried: list[tuple[Way, dict[str, Any]]] = []
    draws = range(study.work.scenario.replications)
    for account in study.accounts:
        fits_as_it_is = ways(account, found, {})
        made = fits_as_it_is if len(fits_as_it_is) == 1 else ways(account, found, _levels(study, account, found))
        joint = [(one, _together(study, _arranged(study, {**chosen, **one.settings}), draws)) for one in made]
        best = choose(joint, found)
        chosen |= best.settings
        tried.append((best, told(account, joint, best, found, partial(_way_sums, account))))
        study.progress.advance(2)
    return tried, chosen


def _way_sums(account: Account, one: Way) -> dict[str, Any]:
    return {name: total(one.settings, account.subjects, name) for name in account.gives}


def _fresh(study: _Study, chosen: Chosen) -> dict[str, Joint]:
    """Today's arrangement and the recommended one on draws that the search has not seen."""
    count = study.work.scenario.replications
    draws = range(count, 2 * count)
    made = {
        "today": _together(study, study.found.today, draws),
        "recommended": _together(study, _arranged(study, chosen), draws),
    }
    study.progress.advance()
    return made


# What is told


def _project(
    study: _Study, found: Found, chosen: Chosen, tried: Sequence[tuple[Way, Any]], fresh: Mapping[str, Joint]
) -> dict[str, Any]:
    """One project: what was found alone, what it gets, and what that gives with everybody there."""
    teams: list[str] = list(found.told["teams"])
    share = next((way for way, _ in tried if found.name in way.settings), None)
    return {
        **found.told,
        "recommended": chosen[found.name].values if found.name in chosen else None,
        "shortfall": 0.0 if share is None else share.shortfall.get(found.name, 0.0),
        "together": {name: joint.told(teams) for name, joint in fresh.items()},
        "change": {
            team: {
                metric: difference(fresh["today"], fresh["recommended"], metric, team)
                for metric in ("success_rate", "own_success_rate", "latency_p95_s")
            }
            for team in teams
        },
    }


def _objectives(study: _Study, fresh: Mapping[str, Joint]) -> list[dict[str, Any]]:
    """Every objective on fresh draws, recommended beside today's."""
    asked = [one for team in objectives(study.work.scenario).values() for one in team]
    tuned, added = {one.text for one in asked}, {one.text for one in asked if one.source == "default"}
    today = {one["text"]: one for one in fresh["today"].verdicts()}
    return [
        {
            **one,
            "source": "default" if one["text"] in added else "scenario",
            "tuned": one["text"] in tuned,
            "today": {"value": today[one["text"]]["value"], "met": today[one["text"]]["met"]},
        }
        for one in fresh["recommended"].verdicts()
    ]


def _sums(study: _Study, found: Mapping[str, Found], chosen: Chosen) -> dict[str, Any]:
    """RPM and burst of all projects together: as configured, as needed, as recommended."""
    needs = {name: one.settings for name, one in found.items() if one.settings is not None}
    names = list(found)
    return {
        "current": {key: _now([one.told["current"] for one in found.values()], key) for key in PLANE},
        "needed": _sum_of(needs, names), "recommended": _sum_of(chosen, names),
    }  # fmt: skip


def _now(current: Sequence[Mapping[str, float]], key: str) -> float | None:
    """The sum of one limit as configured; None when some project has no such limit."""
    return sum(one[key] for one in current) if all(key in one for one in current) else None


def _sum_of(settings: Mapping[str, Settings], names: Sequence[str]) -> dict[str, int | None]:
    return {key: total(settings, names, key) for key in PLANE}


def _searched(found: Mapping[str, Found]) -> dict[str, int]:
    """The work of all searches."""
    names = ("trials", "runs", "violations", "blind_grid")
    return {name: sum(int(one.told["search"][name]) for one in found.values()) for name in names}
