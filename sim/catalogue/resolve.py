"""A scenario's own models and clients over the catalogue's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sim.catalogue.data import model, model_names, retry_preset
from sim.scenario.clients import Client, RetryPolicy
from sim.scenario.schema import Model, Prices, Scenario
from sim.scenario.workloads import FixedTime, SpreadTime

_FIELDS = ("price", "first_token", "per_token")


@dataclass(frozen=True)
class ResolvedModel:
    """Everything that engines need to know about a model.

    Prices are micro-USD per million tokens. ``slots`` None: no bound.
    """

    name: str
    price_input: int
    price_output: int
    price_cached_input: int
    first_token: SpreadTime | FixedTime
    per_token: SpreadTime | FixedTime
    service: Literal["lognormal", "exponential"]
    slots: int | None
    queue: int


def _chain(models: Mapping[str, Model], name: str) -> list[dict[str, Any]]:
    """What is said about a model, the nearest first: its own entry, those it is like, the catalogue's.

    A cycle of ``like`` ends where it closes; :mod:`sim.scenario.checks` refuses it.
    """
    said: list[dict[str, Any]] = []
    seen: set[str] = set()
    while name in models and name not in seen:
        seen.add(name)
        entry = models[name]
        said.append({field: getattr(entry, field) for field in entry.model_fields_set})
        name = entry.like or name
    if name in model_names():
        listed = model(name)
        said.append({field: getattr(listed, field) for field in _FIELDS})
    return said


def _merged(models: Mapping[str, Model], name: str) -> dict[str, Any]:
    merged: dict[str, Any] = {"service": "lognormal", "slots": None, "queue": 0}
    for said in reversed(_chain(models, name)):
        merged.update({field: value for field, value in said.items() if value is not None or field == "slots"})
    return merged


def model_gaps(models: Mapping[str, Model], name: str) -> tuple[str, ...]:
    """Which of price, first_token and per_token nobody says for a model."""
    merged = _merged(models, name)
    return tuple(field for field in _FIELDS if merged.get(field) is None)


def resolve_model(scenario: Scenario, name: str) -> ResolvedModel:
    """A model as the scenario sees it. Raises KeyError for a model that lacks a price or times."""
    said = _merged(scenario.models, name)
    price: Prices = said["price"]
    cached = price.input if price.cached_input is None else price.cached_input
    return ResolvedModel(
        name, price.input, price.output, cached,
        said["first_token"], said["per_token"], said["service"], said["slots"], said["queue"],
    )  # fmt: skip


def resolve_retry(client: Client) -> RetryPolicy:
    """A client's retry policy, looked up when it is a preset's name. Raises KeyError."""
    return client.retry if isinstance(client.retry, RetryPolicy) else retry_preset(client.retry).policy
