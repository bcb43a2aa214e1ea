"""Reading the catalogue's files, once, into frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from sim.scenario.base import Strict
from sim.scenario.clients import RetryPolicy
from sim.scenario.keys import CapText, Limits
from sim.scenario.schema import Prices
from sim.scenario.workloads import Time
from sim.scenario.yaml_lines import read


class Entry(Strict):
    """What every entry says about itself: the day it was read, where, and what to know about it."""

    date: str
    source: str
    note: str = ""


class CatalogueModel(Entry):
    """A model's list price and its assumed answer times."""

    price: Prices
    first_token: Time
    per_token: Time


class RetryPreset(Entry):
    """What one real client does after a failed attempt, and what it calls itself."""

    policy: RetryPolicy
    user_agent: str = ""


class Tier(Entry):
    """A provider's tier: limits by model class, and a spend cap.

    ``rank`` is its place on the provider's ladder, 1 the smallest; none where it is on no ladder.
    """

    classes: dict[str, Limits]
    spend_cap: CapText | None = None
    rank: int | None = None


class Unfixed(Entry):
    """What a rung of the isolation ladder does not fix.

    ``provider`` is whose rule it is, empty for everybody's; ``most`` a number beyond which it matters;
    ``shown`` the simulated figure that belongs to it.
    """

    rungs: tuple[str, ...]
    says: str
    provider: str = ""
    most: int | None = None
    shown: str = ""


def _load(name: str, section: str) -> dict[str, Any]:
    text = files("sim.catalogue").joinpath(name).read_text("utf-8")
    data: dict[str, Any] = read(text, name).data[section]
    return data


@cache
def _models() -> Mapping[str, CatalogueModel]:
    entries = _load("models.yaml", "models")
    return MappingProxyType({name: CatalogueModel.model_validate(entry) for name, entry in entries.items()})


@cache
def _presets() -> Mapping[str, RetryPreset]:
    entries = _load("retry.yaml", "presets")
    return MappingProxyType({name: RetryPreset.model_validate(entry) for name, entry in entries.items()})


@cache
def tiers() -> Mapping[str, Tier]:
    """The provider tiers by name, as ``anthropic/start``."""
    entries = _load("tiers.yaml", "tiers")
    return MappingProxyType({name: Tier.model_validate(entry) for name, entry in entries.items()})


@cache
def unfixed() -> Mapping[str, Unfixed]:
    """What isolation does not fix, by name, as ``account-ban``."""
    entries = _load("isolation.yaml", "facts")
    return MappingProxyType({name: Unfixed.model_validate(entry) for name, entry in entries.items()})


def model_names() -> tuple[str, ...]:
    """The models of the catalogue, in its order."""
    return tuple(_models())


def model(name: str) -> CatalogueModel:
    """A model of the catalogue. Raises KeyError."""
    return _models()[name]


def retry_names() -> tuple[str, ...]:
    """The retry presets, in the catalogue's order."""
    return tuple(_presets())


def retry_preset(name: str) -> RetryPreset:
    """A retry preset. Raises KeyError."""
    return _presets()[name]
