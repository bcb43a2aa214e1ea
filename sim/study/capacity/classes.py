"""Which models of a scenario fall into which class of a provider's tier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from sim.catalogue import Tier
from sim.scenario.keys import Limits
from sim.scenario.plan import model_names as models_asked
from sim.scenario.schema import Model, Scenario
from sim.units import MINUTE


def lineage(models: Mapping[str, Model], name: str) -> Iterator[str]:
    """A model's own name, then those that it is like, the nearest first; a cycle ends where it closes."""
    seen: set[str] = set()
    while name and name not in seen:
        seen.add(name)
        yield name
        name = (models[name].like or "") if name in models else ""


def class_of(tier: Tier, models: Mapping[str, Model], name: str) -> str | None:
    """The class of a tier that a model falls into: by its own name, or by what it is like."""
    for known in lineage(models, name):
        for title, limits in tier.classes.items():
            if limits.models is None or known in limits.models:
                return title
    return None


def classes_of(tier: Tier, scenario: Scenario) -> dict[str, tuple[str, ...]]:
    """Each class of a tier that the scenario uses, with its models."""
    placed = {name: class_of(tier, scenario.models, name) for name in models_asked(scenario)}
    found = {title: tuple(name for name in placed if placed[name] == title) for title in tier.classes}
    return {title: models for title, models in found.items() if models}


def limits_of_tier(tier: Tier, scenario: Scenario) -> tuple[Limits, ...]:
    """A tier's limits as a scenario writes them, one set a class that is used."""
    used, asked = classes_of(tier, scenario), models_asked(scenario)
    return tuple(
        tier.classes[name].model_copy(update={"models": None if models == asked else models})
        for name, models in used.items()
    )


def amounts(limits: Limits) -> dict[str, Fraction]:
    """What a class allows a minute, by dimension."""
    rates = {name: getattr(limits, name) for name in ("requests", "input_tokens", "output_tokens", "tokens")}
    return {
        name: limit.rate.count * MINUTE / limit.rate.period_ns for name, limit in rates.items() if limit is not None
    }
