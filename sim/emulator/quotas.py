"""What a key has left of its limits, as the headers of answers tell it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType

from sim.emulator.decisions import Decisions
from sim.policy import limits

STALE_NS = 500_000
"""Under load many answers leave within half a millisecond, and headers need not be made anew for each."""
DIMENSIONS = {"requests": limits.REQUESTS, "input": limits.INPUT, "output": limits.OUTPUT, "tokens": limits.TOKENS}


Quota = tuple[int, int, int]
"""One kind of limit: how much a period lets pass, what is left, and the ns until all of it is back."""


class Quotas:
    """Finds the tightest limit of each kind for a key and a model."""

    def __init__(self, decisions: Decisions, date: Callable[[int], int]) -> None:
        """``date`` is the date of a virtual time, unix ns."""
        self._decisions, self._date = decisions, date
        self.forget()

    def forget(self) -> None:
        """Look anew at which limits there are."""
        rows = self._decisions.setting.rows.all_limits
        self._shown = [max(1, int(row.rate.count)) if row.rate else row.capacity for row in rows]
        self._rows: dict[tuple[int, int], list[tuple[str, list[int]]]] = {}
        self._heads: dict[tuple[str, int, int], tuple[int, str]] = {}

    def head(self, dialect: ModuleType, key: int, model: int, now: int) -> str:
        """What is left, as header lines of a dialect; at most STALE_NS old."""
        place = (dialect.NAME, key, model)
        made, head = self._heads.get(place, (-STALE_NS - 1, ""))
        if not 0 <= now - made <= STALE_NS:
            head = dialect.limit_head(self.of(key, model, now), self._date(now))
            self._heads[place] = now, head
        return head

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
        tightest: Quota | None = None
        for row in rows:
            if self._decisions.in_force(row, now):
                quota = self._quota(row, now)
                if tightest is None or quota[1] * tightest[0] < tightest[1] * quota[0]:
                    tightest = quota
        assert tightest is not None  # a cut stands beside the limit that it cuts
        return tightest

    def _quota(self, row: int, now: int) -> Quota:
        left, full_in = self._decisions.level(row, now)
        shown = self._shown[row]
        return shown, left if left < shown else shown, full_in
