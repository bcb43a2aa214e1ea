"""What a key has left of its limits, as the headers of answers tell it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sim.emulator.decisions import Decisions
from sim.policy import limits

DIMENSIONS = {"requests": limits.REQUESTS, "input": limits.INPUT, "output": limits.OUTPUT, "tokens": limits.TOKENS}


class Quota(NamedTuple):
    """One kind of limit: how much a period lets pass, what is left, and the ns until all of it is back."""

    limit: int
    remaining: int
    reset_ns: int


class Quotas:
    """Finds the tightest limit of each kind for a key and a model."""

    def __init__(self, decisions: Decisions) -> None:
        self._decisions = decisions
        self.forget()

    def forget(self) -> None:
        """Look anew at which limits there are."""
        rows = self._decisions.setting.rows.all_limits
        self._shown = [max(1, int(row.rate.count)) if row.rate else row.capacity for row in rows]
        self._rows: dict[tuple[int, int], list[tuple[str, list[int]]]] = {}

    def of(self, key: int, model: int, now: int) -> dict[str, Quota]:
        """By kind: ``requests``, ``input``, ``output``, ``tokens``; kinds without a limit are left out."""
        known = self._rows.get((key, model))
        if known is None:
            known = self._rows[key, model] = list(self._kinds(key, model))
        return {kind: self._tightest(rows, now) for kind, rows in known}

    def _kinds(self, key: int, model: int) -> Iterator[tuple[str, list[int]]]:
        rules = self._decisions.setting.rules.limits
        mine = [row for row in self._decisions.limits_of(key) if limits.applies(rules[row], model, rules[row].start)]
        for kind, dimension in DIMENSIONS.items():
            rows = [row for row in mine if rules[row].dimension == dimension]
            if rows:
                yield kind, rows

    def _tightest(self, rows: list[int], now: int) -> Quota:
        if len(rows) == 1:
            return self._quota(rows[0], now)
        holding = [self._quota(row, now) for row in rows if self._decisions.in_force(row, now)]
        tightest = holding[0]
        for other in holding:
            if other.remaining * tightest.limit < tightest.remaining * other.limit:
                tightest = other
        return tightest

    def _quota(self, row: int, now: int) -> Quota:
        _, left, full_in = self._decisions.level(row, now)
        shown = self._shown[row]
        return Quota(shown, left if left < shown else shown, full_in)
