"""Assumptions as ranges: the least, the likeliest and the most that a value may be, with a source.

A plain value is short for a range without width. :func:`triangular` draws from a range; why a
triangle: it is the usual reading of a three-point estimate when nothing else is known.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, PlainSerializer, model_validator

from sim.errors import BadUnit
from sim.scenario.base import NUMBER, Money, Number, Strict, also, money_text, text

SOURCE = "source"


def _ordered(low: float, mode: float, high: float, written: str) -> None:
    if not low <= mode <= high:
        raise BadUnit("a range is not in order", value=written, hint="low is at most mode, and mode at most high")


class Range(Strict):
    """From ``low`` to ``high``, most likely ``mode``; ``source`` says who says so."""

    low: Number = Field(ge=0, le=1e9)
    mode: Number = Field(ge=0, le=1e9)
    high: Number = Field(ge=0, le=1e9)
    source: str = ""

    @model_validator(mode="after")
    def _in_order(self) -> Range:
        _ordered(self.low, self.mode, self.high, f"low: {self.low:g}, mode: {self.mode:g}, high: {self.high:g}")
        return self

    @property
    def bounds(self) -> tuple[float, float, float]:
        """Low, mode and high."""
        return self.low, self.mode, self.high


class MoneyRange(Strict):
    """Money from ``low`` to ``high``, most likely ``mode``; ``source`` says who says so."""

    low: Money
    mode: Money
    high: Money
    source: str = ""

    @model_validator(mode="after")
    def _in_order(self) -> MoneyRange:
        low, mode, high = (money_text(value) for value in (self.low, self.mode, self.high))
        _ordered(self.low, self.mode, self.high, f"low: {low}, mode: {mode}, high: {high}")
        return self

    @property
    def bounds(self) -> tuple[float, float, float]:
        """Low, mode and high in micro-dollars."""
        return float(self.low), float(self.mode), float(self.high)


def _spread_out(kinds: tuple[type, ...], what: str, hint: str) -> Any:
    def read(value: Any) -> Any:
        if isinstance(value, (dict, BaseModel)):
            return value
        if isinstance(value, kinds) and not isinstance(value, bool):
            return {"low": value, "mode": value, "high": value}
        raise BadUnit(f"not a {what}", value=repr(value), hint=hint)

    return read


def _written(value: Range | MoneyRange) -> Any:
    """One value where the range has no width and no source."""
    dumped = {name: getattr(value, name) for name in ("low", "mode", "high")}
    if isinstance(value, MoneyRange):
        dumped = {name: money_text(one) for name, one in dumped.items()}
    if len(set(dumped.values())) == 1 and not value.source:
        return dumped["mode"]
    return dumped | ({SOURCE: value.source} if value.source else {})


Amount = Annotated[
    Range,
    BeforeValidator(_spread_out((int, float), "number or range", "0.5, or {low: 0.2, mode: 0.5, high: 1}")),
    PlainSerializer(_written),
    also({"type": "number"}),
]
"""``0.5``, or ``{low: 0.2, mode: 0.5, high: 1, source: …}``."""

Sum = Annotated[
    MoneyRange,
    BeforeValidator(_spread_out((str,), "sum of money or range", "$100, or {low: $60, mode: $100, high: $160}")),
    PlainSerializer(_written),
    also(text(rf"^\s*(\$|USD\s)\s*{NUMBER}\s*[kKMG]?\s*$", "$100")),
]
"""``$100``, or ``{low: $60, mode: $100, high: $160, source: …}``."""


def triangular(uniform: float, bounds: tuple[float, float, float]) -> float:
    """The quantile of the triangular distribution (low, mode, high) at ``uniform`` in [0, 1].

    Kotz and van Dorp, Beyond Beta (2004), §1.
    """
    low, mode, high = bounds
    if low == high:
        return mode
    cut = (mode - low) / (high - low)
    if uniform < cut:
        return float(low + (uniform * (high - low) * (mode - low)) ** 0.5)
    return float(high - ((1 - uniform) * (high - low) * (high - mode)) ** 0.5)
