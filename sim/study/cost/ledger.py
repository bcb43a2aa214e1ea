"""The months of a study side by side: exact integers, from which every number of the report is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.scenario.finance import Finance
from sim.study.cost.month import I64, Case, Month
from sim.study.cost.other import other_costs


@dataclass(frozen=True)
class Account:
    """All months of one case, micro-dollars and counts.

    ``bill`` is ``(months, teams, causes)``, ``other`` ``(months, items)``, ``offered`` and ``lost`` (own
    requests) are ``(months, teams)``.
    """

    bill: I64
    other: I64
    offered: I64
    lost: I64

    @property
    def billed(self) -> I64:
        """The bill of each month."""
        found: I64 = self.bill.sum(axis=(1, 2))
        return found

    @property
    def total(self) -> I64:
        """Bill and other costs of each month."""
        found: I64 = self.billed + self.other.sum(axis=1)
        return found


@dataclass(frozen=True)
class Ledger:
    """Every case's account over the same months, and which items its other costs are."""

    teams: tuple[str, ...]
    items: tuple[str, ...]
    accounts: dict[Case, Account]

    @classmethod
    def of(cls, months: Sequence[Month], teams: Sequence[str], finance: Finance) -> Ledger:
        """Collect the months, which all have the same cases."""
        items = tuple(finance.costs)
        cases = tuple(months[0].bills)
        return cls(tuple(teams), items, {case: _account(months, case, finance) for case in cases})

    def __getitem__(self, case: Case) -> Account:
        return self.accounts[case]

    def item(self, case: Case, name: str) -> I64:
        """One item of the other costs, by month."""
        found: I64 = self.accounts[case].other[:, self.items.index(name)]
        return found


def _account(months: Sequence[Month], case: Case, finance: Finance) -> Account:
    bills = [month.bills[case] for month in months]
    other = [list(other_costs(finance, month, case).values()) for month in months]
    return Account(
        np.stack([bill.micro_usd for bill in bills]),
        np.array(other, np.int64).reshape(len(months), len(finance.costs)),
        np.stack([bill.offered for bill in bills]),
        np.stack([bill.lost for bill in bills]),
    )
