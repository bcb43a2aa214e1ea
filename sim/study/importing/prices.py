"""List prices for what a log has no cost of: the catalogue's, by the model's name without its date."""

from __future__ import annotations

import re

from sim.catalogue.data import model, model_names
from sim.scenario.schema import Prices

_DATE = re.compile(r"[-@](20\d{6}|latest|v\d+:\d+|20\d\d-\d\d-\d\d)$")
PER = 1_000_000


def listed_name(name: str) -> str | None:
    """The catalogue's name of a model; None when it does not have it."""
    known = model_names()
    return next((each for each in (name, _DATE.sub("", name)) if each in known), None)


def price_of(name: str) -> Prices | None:
    """The list price of a model; None when the catalogue does not have it."""
    found = listed_name(name)
    return None if found is None else model(found).price


def list_cost(price: Prices, fresh: float, read: float, write: float, output: float) -> float:
    """Micro-dollars. Cache writes are taken at the price of input, of which the catalogue says more."""
    cached = price.input if price.cached_input is None else price.cached_input
    return ((fresh + write) * price.input + read * cached + output * price.output) / PER
