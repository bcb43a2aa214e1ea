"""Profiles as a scenario writes them: how the rate of a workload goes up and down."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from sim.errors import BadUnit
from sim.scenario.base import Duration, Number, Strict

MAX_STEPS = 100_000
"""Weights of a profile in steps."""


class Profile(Strict):
    """A rhythm that modulates any arrival process, keeping its mean rate: of days and weeks, or in steps.

    ``hours`` are 24 weights (hour 0 first), ``days`` 7 weights (Monday first); both are scaled to
    a mean of 1. The scenario starts at ``starts_at`` hours into ``day``. Or ``weights`` hold for
    ``every`` so long, one after another and again from the first, as the requests that a log had in
    each minute; they too are scaled to a mean of 1, and the scenario starts ``starts_at`` into them.
    """

    hours: tuple[Number, ...] = Field(default=(1.0,) * 24, min_length=24, max_length=24)
    days: tuple[Number, ...] = Field(default=(1.0,) * 7, min_length=7, max_length=7)
    day: Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"] = "Mon"
    every: Duration | None = Field(default=None, gt=0)
    weights: tuple[Number, ...] | None = Field(default=None, min_length=1, max_length=MAX_STEPS)
    starts_at: Duration = 0

    @model_validator(mode="after")
    def _positive(self) -> Profile:
        for weights in (self.hours, self.days, self.weights):
            if weights is not None and (min(weights) < 0 or sum(weights) <= 0):
                raise BadUnit(
                    "a profile has a negative weight, or only zeros", hint="weights from 0 up, one at least above 0"
                )
        return self

    @model_validator(mode="after")
    def _one_form(self) -> Profile:
        if (self.every is None) != (self.weights is None):
            given, missing = ("every", "weights") if self.weights is None else ("weights", "every")
            hint = "every: 1m and weights: [12, 30, 8], how much comes in each minute"
            raise BadUnit(f"a profile has {given} without {missing}", hint=hint)
        daily = sorted({"hours", "days", "day"} & self.model_fields_set)
        if (
            self.weights is not None
            and daily
            and any(getattr(self, name) != type(self).model_fields[name].default for name in daily)
        ):
            hint = "keep one of the two: hours and days, or every and weights"
            raise BadUnit(f"a profile has {' and '.join(daily)} beside weights", hint=hint)
        return self
