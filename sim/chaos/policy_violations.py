"""Content that breaks the provider's policy, and the ban that follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from sim.chaos.base import FOREVER, Ban, Effect, EffectKind, Scoped, percent
from sim.errors import BadUnit
from sim.scenario.base import Duration, Label, Share, Strict, Whole
from sim.units import DAY

if TYPE_CHECKING:
    from sim.scenario.schema import Scenario

BANS = ("key", "project", "account")
REST = "other"
"""The category of content that no other is given for."""


class Review(Strict):
    """``{reviewers: 2, each: 5m}``: people who look at refused content, and how long they need for one request."""

    reviewers: Whole = Field(default=1, ge=1, le=1000)
    each: Duration = Field(gt=0)


class PolicyViolations(Scoped):
    """``policy_violations: {team: research, at: 1h, for: 2h, probability: 1%, threshold: 5, ban: key, recovery: 24h}``.

    Each request in scope breaks the policy with ``probability`` and is refused with 400, whenever it
    is tried, and costs nothing. ``categories`` says what of: shares by category (the rest is
    ``other``), which a project may allow (``content_policy``). At ``threshold`` violations ``within``
    a time, counted from the first of them, the provider bans the ``key``, the ``project`` or the
    ``account`` that sent them, or ``nothing``: everything of it is answered 403 for ``recovery``, or
    for good where none is given. Behind a gateway the provider sees its one account only, and bans
    that. ``review: {reviewers: 2, each: 5m}`` sends what was refused to people, and the report tells
    how long it waits for them.
    """

    probability: Share = Field(gt=0)
    categories: dict[Label, Share] = Field(default_factory=dict, max_length=20)
    threshold: Whole = Field(default=1, ge=1)
    within: Duration = Field(default=DAY, gt=0)
    ban: Annotated[Literal["key", "project", "account", "nothing"], Field()] = "account"
    recovery: Duration | None = Field(default=None, gt=0)
    review: Review | None = None

    @model_validator(mode="after")
    def _whole(self) -> PolicyViolations:
        if sum(self.categories.values()) > 1:
            total = f"{float(sum(self.categories.values())):.4g}"
            raise BadUnit("the shares of categories sum to more than 1", value=total, hint="lower them")
        return self

    @property
    def summary(self) -> str:
        """As ``policy violations of research``."""
        return f"policy violations{f' of {self.team}' if self.team else ''}, {percent(self.probability)}"

    @property
    def shares(self) -> dict[str, Fraction]:
        """Every category with its share of the violations: what is written, and the rest."""
        found = {name: share for name, share in self.categories.items() if share > 0}
        rest = 1 - sum(found.values(), Fraction(0))
        return found | ({REST: found.get(REST, Fraction(0)) + rest} if rest > 0 else {})

    def effects(self, scenario: Scenario) -> Sequence[Effect]:
        """One violating effect a category; one draw decides which."""
        start, end = self.window
        lasts = FOREVER if self.recovery is None else self.recovery
        ban = None if self.ban == "nothing" else Ban(BANS.index(self.ban), self.threshold, self.within, lasts)
        return [
            Effect(
                start, end, EffectKind.VIOLATE, self.scope, f"policy:{name}", 400, share, least,
                category=name, ban=ban,
            )
            for name, least, share in _stacked(self.shares, self.probability)
        ]  # fmt: skip


def _stacked(categories: Mapping[str, Fraction], probability: Fraction) -> list[tuple[str, Fraction, Fraction]]:
    """(name, where its part of the draw starts, its width)."""
    found, least = [], Fraction(0)
    for name, share in categories.items():
        found.append((name, least, share * probability))
        least += share * probability
    return found
