"""What a saving is made of: each lever's part, exact to the micro-dollar in every month.

The levers are the steps from one configuration to the next, in the order of the file, and the price
list. What a lever saves depends on what was pulled before it: a cheaper token leaves less for a cap to
save. So each lever gets its mean over all orders in which the steps keep theirs (the Shapley value
under precedence, Faigle and Kern 1992): with m steps the price has m + 1 places, all alike. Parts are
multiplied by m + 1 to stay whole numbers; they sum to the saving exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from sim.scenario.finance import Finance, Saving
from sim.study.cost.ledger import Ledger
from sim.study.cost.month import I64, Case
from sim.study.cost.other import GROUPS

PRICE = "price"
BILL = "bill"


def chain(saving: Saving) -> tuple[str, ...]:
    """The configurations from the first to the last."""
    return (saving.from_, *saving.to)


def cases(saving: Saving) -> Iterator[Case]:
    """Every case that the decomposition needs."""
    for name in chain(saving):
        yield Case(name)
        if saving.prices:
            yield Case(name, repriced=True)


@dataclass(frozen=True)
class Part:
    """One lever's part of one component of the cost, by month, in micro-dollars times ``Parts.times``.

    ``lever`` is :data:`PRICE` or the configuration stepped to; ``component`` :data:`BILL` or an item of the
    other costs.
    """

    lever: str
    component: str
    amount: I64


@dataclass(frozen=True)
class Parts:
    """All parts of a saving, and the saving itself by month in micro-dollars."""

    parts: tuple[Part, ...]
    saved: I64
    times: int

    def sum(self, lever: str | None = None, component: str | None = None) -> I64:
        """The sum of some parts by month, times :attr:`times`."""
        chosen = [
            part.amount
            for part in self.parts
            if lever in (None, part.lever) and component in (None, part.component)
        ]  # fmt: skip
        found: I64 = np.sum(chosen, axis=0, dtype=np.int64) if chosen else np.zeros_like(self.saved)
        return found

    def check(self) -> None:
        """Raises ValueError where the parts of a month do not sum to its saving."""
        if not np.array_equal(self.sum(), self.saved * self.times):
            raise ValueError("the parts of the saving do not sum to it")


def parts_of(ledger: Ledger, saving: Saving) -> Parts:
    """Take a saving apart."""
    names, priced = chain(saving), bool(saving.prices)
    found = [part for component in (BILL, *ledger.items) for part in _parts(ledger, names, priced, component)]
    last = ledger[Case(names[-1], repriced=priced)].total
    parts = Parts(tuple(found), ledger[Case(names[0])].total - last, len(names) if priced else 1)
    parts.check()
    return parts


def _parts(ledger: Ledger, names: tuple[str, ...], priced: bool, component: str) -> Iterator[Part]:
    steps = len(names) - 1
    old = [_cost(ledger, Case(name), component) for name in names]
    if not priced:
        yield from (Part(names[at], component, old[at - 1] - old[at]) for at in range(1, steps + 1))
        return
    new = [_cost(ledger, Case(name, repriced=True), component) for name in names]
    gaps = [before - after for before, after in zip(old, new, strict=True)]
    yield Part(PRICE, component, np.sum(gaps, axis=0, dtype=np.int64))
    for at in range(1, steps + 1):
        cheap, dear = new[at - 1] - new[at], old[at - 1] - old[at]
        yield Part(names[at], component, at * cheap + (steps + 1 - at) * dear)


def _cost(ledger: Ledger, case: Case, component: str) -> I64:
    return ledger[case].billed if component == BILL else ledger.item(case, component)


def groups(finance: Finance) -> Mapping[str, tuple[str, ...]]:
    """The items of the other costs by what they stand for: hours, incidents, lost work; the empty ones left out."""
    found: dict[str, tuple[str, ...]] = {}
    for name, cost in finance.costs.items():
        found[GROUPS[cost.per]] = (*found.get(GROUPS[cost.per], ()), name)
    return {name: found[name] for name in dict.fromkeys(GROUPS.values()) if name in found}
