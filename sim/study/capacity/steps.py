"""The tier that each account needs, and from which month on it needs the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sim.catalogue import tiers
from sim.study.capacity.breaks import order
from sim.study.capacity.classes import amounts
from sim.study.capacity.curves import NEVER, Date, Table
from sim.study.capacity.tiers import Ladder
from sim.units import MICRO, MONTH

SPEND = "spend"


@dataclass(frozen=True)
class Reason:
    """What a tier does not allow: ``title`` of the class and ``dimension``, or the spend of a month."""

    title: str
    dimension: str
    allowed: float


@dataclass(frozen=True)
class Step:
    """From ``date`` on an account needs ``tier``, because of ``reason`` (None: from the start).

    ``tier`` is None beyond the provider's largest.
    """

    tier: str | None
    date: Date
    reason: Reason | None


NOW = Date(0.0, 0.0, 0.0)


def bounds(tier: str, ladder: Ladder, *, spend: bool = True) -> Iterator[Reason]:
    """Everything that a tier allows a customer with these models; ``spend`` False leaves its cap out."""
    entry = tiers()[tier]
    for title, _ in ladder.classes:
        if title in entry.classes:
            for dimension, allowed in amounts(entry.classes[title]).items():
                yield Reason(title, dimension, float(allowed))
    if spend and entry.spend_cap is not None:
        amount = entry.spend_cap.amount
        yield Reason("", SPEND, amount.micro_usd / MICRO * MONTH / amount.period_ns)


def outgrown(
    table: Table, account: str, tier: str, ladder: Ladder, *, spend: bool = True
) -> tuple[Date, Reason | None]:
    """When an account asks for more than a tier allows, and of what first."""
    first: tuple[Date, Reason | None] = (NEVER, None)
    for reason in bounds(tier, ladder, spend=spend):
        key = (
            ("asked_usd", account) if reason.dimension == SPEND else ("asked", account, reason.title, reason.dimension)
        )
        date = table.curve(key).crosses(reason.allowed, strict=True)
        if order(date) < order(first[0]):
            first = date, reason
    return first


def steps(table: Table, account: str, ladder: Ladder, *, spend: bool = True) -> tuple[Step, ...]:
    """The tiers that an account needs, one after another; tiers that would not do are left out.

    ``spend`` False looks at rates only: what would be enough if the provider raised the spend cap.
    """
    found: list[Step] = []
    since, why = NOW, None
    for tier in ladder.names:
        date, reason = outgrown(table, account, tier, ladder, spend=spend)
        if date.at is None or date.at > (since.at or 0.0):
            found.append(Step(tier, since, why))
        if date.at is None:
            return tuple(found)
        if date.at >= (since.at or 0.0):
            since, why = date, reason
    return (*found, Step(None, since, why))
