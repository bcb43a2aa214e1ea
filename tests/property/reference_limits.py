"""Limits of every kind written from their definitions: slow, exact, and of no code of the policies."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from sim.policy.limits import CONCURRENCY, FIXED_CALENDAR, FIXED_FIRST_USE, TOKEN_BUCKET
from sim.policy.window import CELLS


@dataclass
class Reference:
    """One limit by its definition: a list of what was let in, and for a bucket a fraction of tokens."""

    algorithm: int
    cap: int
    count: int
    period: int
    charge_rejected: bool
    level: Fraction = field(init=False)
    stamp: int = 0
    start: int = -(10**18)
    """When the last window from first use began."""
    taken: list[list[int]] = field(default_factory=list)
    """[time, amount] of each charge that still may count."""

    def __post_init__(self) -> None:
        self.level = Fraction(self.cap)

    def refill(self, now: int) -> None:
        self.level = min(Fraction(self.cap), self.level + Fraction(self.count * (now - self.stamp), self.period))
        self.stamp = now

    def counted(self, now: int) -> list[list[int]]:
        """The charges that count now."""
        if self.algorithm == CONCURRENCY:
            return self.taken
        if self.algorithm == FIXED_CALENDAR:
            return [one for one in self.taken if one[0] // self.period == now // self.period]
        if self.algorithm == FIXED_FIRST_USE:
            return [one for one in self.taken if one[0] >= self.start and now - self.start < self.period]
        cell = -(-self.period // CELLS)
        return [one for one in self.taken if now // cell - one[0] // cell <= CELLS]

    def free(self, now: int) -> Fraction:
        if self.algorithm == TOKEN_BUCKET:
            self.refill(now)
            return self.level
        return Fraction(self.cap - sum(amount for _, amount in self.counted(now)))

    def charge(self, amount: int, now: int) -> None:
        if self.algorithm == TOKEN_BUCKET:
            self.refill(now)
            self.level -= amount
        if amount > 0 and now - self.start >= self.period:
            self.start = now
        self.taken.append([now, amount])

    def refuse(self, now: int) -> None:
        """A refused request counts as far as there is room for it."""
        if self.charge_rejected and self.free(now) > 0:
            self.charge(1, now) if self.free(now) >= 1 else self.charge(self.free(now), now)  # type: ignore[arg-type]

    def give_back(self, charged: int, used: int, since: int, now: int) -> None:
        if self.algorithm == TOKEN_BUCKET:
            self.refill(now)
            self.level = min(Fraction(self.cap), self.level + charged - used)
            return
        mine = next(one for one in self.taken if one[0] == since and one[1] == charged)
        mine[1] = used
        if self.algorithm == CONCURRENCY:
            self.taken.remove(mine)
