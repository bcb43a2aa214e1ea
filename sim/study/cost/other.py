"""What a month costs beside the bill, item by item, in whole micro-dollars."""

from __future__ import annotations

from collections.abc import Mapping

from sim.scenario.finance import Finance, OtherCost
from sim.study.cost.assumptions import HOURLY_RATE, Values, cost_key
from sim.study.cost.month import Bill, Case, Month

MONTHS_A_YEAR = 12
PERIODIC, BY_INCIDENT, LOST_WORK = "hours", "incidents", "lost work"
GROUPS = {"month": PERIODIC, "year": PERIODIC, "incident": BY_INCIDENT, "lost_request": LOST_WORK}
"""``per`` of a cost → the part of a saving that it belongs to."""


def other_costs(finance: Finance, month: Month, case: Case) -> dict[str, int]:
    """Micro-dollars of each item in a month of a case."""
    bill = month.bills[case]
    return {
        name: round(_times(cost, month.counts, bill) * _price(name, cost, case.configuration, month.values))
        for name, cost in finance.costs.items()
    }


def _price(name: str, cost: OtherCost, configuration: str, values: Values) -> float:
    """Micro-dollars for one time."""
    value = values[cost_key(name, cost, configuration)]
    return value if cost.at(configuration).money is not None else value * values[HOURLY_RATE]


def _times(cost: OtherCost, counts: Mapping[str, int], bill: Bill) -> float:
    """How often it is paid in a month."""
    if cost.per == "incident":
        assert cost.incident is not None  # the schema asks for it
        reach = bill.reached[cost.incident] if cost.by_reach else 1.0
        return counts[cost.incident] * reach
    if cost.per == "lost_request":
        return float(bill.lost.sum())
    return 1.0 if cost.per == "month" else 1 / MONTHS_A_YEAR
