"""A provider changes its prices."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from pydantic import Field, model_validator

from sim.chaos.base import FOREVER, Fault, PriceChange
from sim.errors import BadUnit
from sim.scenario.base import Duration, Ratio
from sim.scenario.prices import Prices


class NewPrice(Fault):
    """``price_change: {at: 15d, model: claude-sonnet-4-5, price: {input: $2, output: $10}}``.

    From ``at`` on (``for`` a while, if given) attempts that start are billed at the new price: in
    full, or as ``factor`` times the one that holds. Without a ``model`` the factor is for all. Of
    changes that hold together the later works on what the earlier made.
    """

    for_: Duration | None = Field(default=None, alias="for", gt=0)
    model: str | None = None
    price: Prices | None = None
    factor: Ratio | None = Field(default=None, le=100)

    @model_validator(mode="after")
    def _either(self) -> NewPrice:
        if (self.price is None) == (self.factor is None):
            given = "neither price nor factor" if self.price is None else "both price and factor"
            raise BadUnit(f"has {given}", hint="give price: {input: $2, output: $10}, or factor: 1.5")
        if self.price is not None and self.model is None:
            raise BadUnit("price without a model", hint="add model: claude-sonnet-4-5, or give factor")
        return self

    @property
    def window(self) -> tuple[int, int]:
        """The instant of the change, or the time of a passing one."""
        return self.at, self.at + (self.for_ or 1)

    @property
    def summary(self) -> str:
        """As ``claude-sonnet-4-5 costs $2/$10``."""
        what = self.model or "everything"
        if self.price is not None:
            return f"{what} costs ${self.price.input / 1e6:g}/${self.price.output / 1e6:g}"
        return f"{what} costs × {float(self._factor):g}"

    def price_changes(self) -> Sequence[PriceChange]:
        """One change."""
        end = FOREVER if self.for_ is None else self.at + self.for_
        return (PriceChange(self.at, end, self.model, self.price, self._factor),)

    @property
    def _factor(self) -> Fraction:
        return Fraction(1) if self.factor is None else self.factor
