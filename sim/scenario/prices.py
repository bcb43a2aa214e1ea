"""Prices as a scenario writes them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from sim.errors import BadUnit
from sim.scenario.base import Money, Strict
from sim.units import MICRO

MAX_PRICE = 10_000 * MICRO
"""Micro-dollars a million tokens; with the largest size a request's cost still fits into int64."""


def _price(micro_usd: int) -> int:
    if micro_usd > MAX_PRICE:
        hint = "write dollars per million tokens, as $15"
        raise BadUnit("a price of more than $10,000 per million tokens", hint=hint)
    return micro_usd


Price = Annotated[Money, AfterValidator(_price)]
"""Micro-dollars per million tokens, written as ``$15``."""


class Prices(Strict):
    """Money per million tokens."""

    input: Price
    output: Price
    cached_input: Price | None = None
