"""Which assumption matters most: each at its low and its high end, all others at their modes, on common draws.

The outcome is what the saving's keys alone save (the price held equal), or without a saving what the
first configuration costs, each a month with everything that is counted. Assumptions about incidents
are run again; those about money only change what a month that was run is worth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sim.scenario.finance import Finance
from sim.study.cost.assumptions import Assumption
from sim.study.cost.estimates import F64, Estimate, mean
from sim.study.cost.month import Case, Job, Month
from sim.study.cost.other import other_costs
from sim.units import MICRO

CENTRE = ("", 0.0)
Ends = Mapping[tuple[str, float], Sequence[Month]]
"""What was fixed → the months that were run so."""


@dataclass(frozen=True)
class Bar:
    """One assumption: the outcome at its ends in dollars, and the paired difference from one to the other."""

    assumption: Assumption
    at_low: float
    at_high: float
    swing: Estimate


def ends(known: Sequence[Assumption]) -> list[tuple[str, float]]:
    """Everything that has to be run: the modes, then both ends of each assumption about incidents."""
    uncertain = [one for one in known if one.uncertain and _runs(one)]
    return [CENTRE, *((one.key, bound) for one in uncertain for bound in (one.bounds[0], one.bounds[2]))]


def _runs(one: Assumption) -> bool:
    return one.key.startswith("incidents/")


def jobs(known: Sequence[Assumption], months: int, cases: tuple[Case, ...]) -> Iterator[Job]:
    """Every month of every end."""
    for fixed in ends(known):
        for month in range(months):
            yield Job(month, cases, fixed)


def outcome(finance: Finance, months: Sequence[Month], cases: tuple[Case, ...]) -> F64:
    """The outcome in dollars by month: the only case's total, or how much less the second one's is."""
    totals = [[_total(finance, month, case) for case in cases] for month in months]
    found = np.array(totals, np.float64) / MICRO
    return np.asarray(found[:, 0] - found[:, 1] if len(cases) == 2 else found[:, 0], np.float64)


def _total(finance: Finance, month: Month, case: Case) -> int:
    return month.bills[case].total + sum(other_costs(finance, month, case).values())


def bars(known: Sequence[Assumption], runs: Ends, finance: Finance, cases: tuple[Case, ...]) -> list[Bar]:
    """Every uncertain assumption, the widest swing first."""
    found = [_bar(one, runs, finance, cases) for one in known if one.uncertain]
    return sorted(found, key=lambda bar: -abs(bar.swing.value))


def _bar(one: Assumption, runs: Ends, finance: Finance, cases: tuple[Case, ...]) -> Bar:
    low, high = (outcome(finance, _months(one, bound, runs), cases) for bound in (one.bounds[0], one.bounds[2]))
    return Bar(one, float(low.mean()), float(high.mean()), mean(high - low))


def _months(one: Assumption, bound: float, runs: Ends) -> Sequence[Month]:
    if _runs(one):
        return runs[one.key, bound]
    return [replace(month, values={**month.values, one.key: bound}) for month in runs[CENTRE]]
