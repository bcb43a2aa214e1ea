"""What a month costs beside the bill, which saving is to be taken apart, and which claims are to be tested.

None of it is known to an engine: ``keystorm cost`` reads it when it counts the money.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from sim.errors import BadUnit
from sim.scenario.base import AlsoListed, Flag, Label, Strict, listed, text
from sim.scenario.keys import MoneyPerTime
from sim.scenario.prices import Prices
from sim.scenario.ranges import Amount, MoneyRange, Sum

Per = Literal["month", "year", "incident", "lost_request"]


class OneCost(Strict):
    """Either ``money``, or ``hours`` of work at the section's ``hourly_rate``; each may be a range."""

    money: Sum | None = None
    hours: Amount | None = None
    source: str = ""

    @model_validator(mode="after")
    def _one_of_two(self) -> OneCost:
        if (self.money is None) == (self.hours is None):
            said = "neither money nor hours" if self.money is None else "both money and hours"
            raise BadUnit(f"a cost with {said}", hint="give money: $5000 or hours: 40, not both")
        return self


class OtherCost(OneCost):
    """A cost that is no bill of the provider, and how it comes about.

    ``per: month`` and ``year`` come whatever happens (a year's in twelfths); ``incident`` once for
    each one called ``incident`` that starts; ``lost_request`` for each own request that stays without an
    answer. ``by_reach``: of an incident's cost only the share of the teams that lost requests to it is
    counted, which depends on the configuration. ``instead``: other values in some configurations.
    """

    per: Per
    incident: Label | None = None
    by_reach: Flag = False
    instead: dict[Label, OneCost] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_its_incident(self) -> OtherCost:
        if self.per == "incident" and self.incident is None:
            raise BadUnit("which incident?", hint="add incident: and its name")
        if self.per != "incident" and (self.incident is not None or self.by_reach):
            hint = "write per: incident, or remove incident and by_reach"
            raise BadUnit(f"a cost per {self.per} has no incident", hint=hint)
        return self

    def at(self, configuration: str) -> OneCost:
        """What it costs in a configuration."""
        return self.instead.get(configuration, self)


class Saving(Strict):
    """The saving to take apart: from one configuration over others to the last, and another price list.

    Each configuration of ``to`` adds something to the one before, in this order. ``prices`` are per
    model, the new ones; the old ones are the scenario's.
    """

    from_: Label = Field(alias="from")
    to: Annotated[tuple[Label, ...], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)] = (
        Field(min_length=1)
    )
    prices: dict[Label, Prices] = Field(default_factory=dict)
    source: str = ""


class Check(Strict):
    """One comparison: a number of the result against a bound."""

    subject: str
    measure: str
    op: Literal[">=", "<="]
    bound: float

    def __str__(self) -> str:
        return f"{self.subject}: {self.measure} {self.op} {self.bound:g}"


_TEST = re.compile(r"^\s*(.+?)\s*:\s*([a-z0-9_.-]+)\s*(>=|<=)\s*(\$?)\s*(\d[\d_,]*(?:\.\d+)?)\s*(%?)\s*$")


def read_test(value: Any) -> Any:
    """``"shared: bill_mean >= $12000"``; raises BadUnit."""
    if isinstance(value, (Check, dict)):
        return value
    match = _TEST.match(value) if isinstance(value, str) else None
    if match is None:
        hint = 'a configuration (or saving) and a bound, as "shared: bill_p99 >= $45,000"'
        raise BadUnit("not a test", value=repr(value), hint=hint)
    bound = float(match[5].replace(",", "").replace("_", "")) / (100 if match[6] else 1)
    return Check(subject=match[1], measure=match[2], op=match[3], bound=bound)  # type: ignore[arg-type]


CheckText = Annotated[
    Check,
    BeforeValidator(read_test),
    PlainSerializer(str),
    WithJsonSchema(text(_TEST.pattern, "shared: bill_p99 >= $45,000")),
]


class Claim(Strict):
    """What somebody says: with ``tests`` that must all hold, or ``untestable`` and why.

    ``because`` explains whatever comes out.
    """

    says: str = Field(min_length=1, max_length=300)
    source: str = ""
    tests: Annotated[
        tuple[CheckText, ...],
        BeforeValidator(lambda value: listed([value] if isinstance(value, str) else value)),
        AlsoListed(),
    ] = ()
    untestable: str = ""
    because: str = ""

    @model_validator(mode="after")
    def _one_way(self) -> Claim:
        if bool(self.tests) == bool(self.untestable):
            said = "neither tests nor untestable" if self.untestable == "" else "both tests and untestable"
            raise BadUnit(f"the claim has {said}", hint="say how it is tested, or why it can't be")
        return self


class Finance(Strict):
    """Money beside the provider's bill. ``budget`` is for all teams together."""

    budget: MoneyPerTime | None = None
    hourly_rate: Sum = MoneyRange(low="$100", mode="$100", high="$100")  # type: ignore[arg-type]
    costs: dict[Label, OtherCost] = Field(default_factory=dict)
    saving: Saving | None = None
    claims: tuple[Claim, ...] = ()


MEASURES = (
    "bill_mean", "bill_sd", "bill_p50", "bill_p95", "bill_p99", "bill_worst", "exceed", "overage_mean",
    "lost_share", "other_mean", "total_mean",
)  # fmt: skip
"""What a claim may say of a configuration, beside the name of a cost: dollars a month; ``exceed`` and
``lost_share`` are shares."""

SAVING = "saving"
SAVING_MEASURES = (
    "total", "bill", "bill_share", "new_bill", "price_share", "isolation", "isolation_bill", "isolation_bill_share",
)  # fmt: skip
"""What a claim may say of ``saving``: dollars a month, or shares of the old bill (``price_share``: of the
bill's saving). ``isolation`` is all that is saved with the price held equal."""
SHARES = ("exceed", "lost_share", "bill_share", "price_share", "isolation_bill_share")
