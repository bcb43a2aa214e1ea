"""Which tier of a provider is needed when.

What counts is what the teams *ask for*: the same draws run without any limit, so that nothing is
refused and nothing is retried. A tier is enough for an account when, for every class of models,
the busy minute (the 99th percentile of the minutes) asks for no more than the class allows in
requests, input tokens and output tokens, and a month's spend is no more than the tier's cap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sim.catalogue import Tier, tiers
from sim.engine.world import Setting
from sim.metrics.context import LimitInfo
from sim.metrics.limits import charges, under
from sim.scenario.plan import model_names
from sim.scenario.schema import Scenario
from sim.study.capacity.classes import amounts, classes_of
from sim.study.capacity.facts import Seen
from sim.study.capacity.fullness import of_rate
from sim.units import MICRO, MINUTE

Key = tuple[str, ...]


@dataclass(frozen=True)
class Ladder:
    """A provider's tiers from the smallest to the largest, and the classes of models that are used."""

    provider: str
    names: tuple[str, ...]
    classes: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def top(self) -> Tier:
        """The largest tier."""
        return tiers()[self.names[-1]]


def ladders(scenario: Scenario) -> tuple[Ladder, ...]:
    """The providers with ranked tiers whose classes cover a model that the scenario asks for."""
    ranked: dict[str, list[tuple[int, str]]] = {}
    for name, tier in tiers().items():
        if tier.rank is not None:
            ranked.setdefault(name.partition("/")[0], []).append((tier.rank, name))
    found = []
    for provider, places in ranked.items():
        names = tuple(name for _, name in sorted(places))
        classes = classes_of(tiers()[names[-1]], scenario)
        if classes:
            found.append(Ladder(provider, names, tuple(classes.items())))
    return tuple(found)


def uncovered(scenario: Scenario) -> tuple[str, ...]:
    """The models that no provider's tiers say anything about."""
    known = {model for ladder in ladders(scenario) for _, models in ladder.classes for model in models}
    return tuple(model for model in model_names(scenario) if model not in known)


def asked(setting: Setting, free: Seen, factors: Mapping[str, float]) -> dict[Key, float]:
    """What each account's teams ask for: the busy minute by class and dimension, and dollars a month.

    ``free`` is the run without limits; keys as in :mod:`sim.study.capacity.measure`.
    """
    requests, context = free.requests, free.context
    usd = np.bincount(requests.team[requests.counted], requests.cost[requests.counted], requests.teams) / MICRO
    each = [float(usd[at] * factors[team]) for at, team in enumerate(context.teams)]
    found: dict[Key, float] = {("total", "asked_usd"): sum(each)}
    for account, teams in accounts_of(setting).items():
        codes = [context.teams.index(team) for team in teams]
        found["asked_usd", account] = sum(each[code] for code in codes)
        for ladder in ladders(context.scenario):
            for title, models in ladder.classes:
                limits = ladder.top.classes[title]
                seen = free.attempts_for(limits.count_cached_input)
                for dimension in amounts(limits):
                    pool = LimitInfo("", "account", dimension, 1.0, 0.0, teams, models)
                    taken = charges(pool, seen, under(pool, seen, codes))
                    found["asked", account, title, dimension] = of_rate(taken, context.scenario, MINUTE).busy
    return found


def accounts_of(setting: Setting) -> dict[str, tuple[str, ...]]:
    """Each account of a configuration with the teams whose traffic it carries."""
    found: dict[str, tuple[str, ...]] = {}
    for path in setting.topology.paths():
        found[path[0].name] = (*found.get(path[0].name, ()), *path[-1].teams)
    return found
