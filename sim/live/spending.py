"""What a run against a real target may send and spend: a bound that holds with requests in flight.

Before an attempt leaves, the most that it can cost is held; when it has ended, what it did cost is
booked instead. Money that is spent and money that is held never exceed the bound together, so
answers that are still under way can't either, as long as nobody is billed more than the estimate.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil

from sim.errors import BadInput
from sim.live.order import LiveOrder
from sim.units import MICRO

REQUESTS, SPEND = "max_requests", "max_spend"


def micro(usd: float) -> int:
    """Micro-dollars, rounded up: an estimate is never rounded below what it says."""
    return ceil(Fraction(repr(usd)) * MICRO)


class SpendingGuard:
    """Counts attempts and holds money (:class:`sim.live.guard.Guard`). Once it has said no, it says no for good.

    A smaller request might still fit when a large one does not; letting it pass would leave out the
    large ones only, and what is measured would be another mix. So the first that does not fit ends the run.
    """

    def __init__(self, max_requests: int | None = None, max_spend_usd: float | None = None) -> None:
        """Raises BadInput for bounds below nothing."""
        if max_requests is not None and max_requests < 0:
            raise BadInput("a number below 0", place="--max-requests", value=str(max_requests), hint="0 sends nothing")
        if max_spend_usd is not None and not 0 <= max_spend_usd < float("inf"):
            raise BadInput("not a sum to spend", place="--max-spend", value=repr(max_spend_usd), hint="$0 and more")
        self._most_requests = max_requests
        self._most = None if max_spend_usd is None else int(Fraction(repr(max_spend_usd)) * MICRO)
        self.attempts = 0
        self.held = 0
        """Micro-dollars of attempts in flight, at the most."""
        self.spent = 0
        """Micro-dollars of attempts that have ended."""
        self.exceeded = 0
        """Micro-dollars billed beyond what was held: estimates that were too low."""
        self._reason = ""

    @property
    def reason(self) -> str:
        """Why nothing may be sent any more: ``max_requests`` or ``max_spend``; empty while something may."""
        return self._reason

    def may_send(self, estimate_usd: float) -> bool:
        """Hold the most that one attempt can cost, and count it; False when a bound would be passed."""
        if self._reason:
            return False
        estimate = micro(estimate_usd)
        if self._most_requests is not None and self.attempts >= self._most_requests:
            self._reason = REQUESTS
        elif self._most is not None and self.spent + self.held + estimate > self._most:
            self._reason = SPEND
        if self._reason:
            return False
        self.attempts += 1
        self.held += estimate
        return True

    def settle(self, estimate_usd: float, spent_usd: float) -> None:
        """An attempt that was let pass has ended: give back what was held, book what was spent.

        Where the bill may be anything (the answer was lost), ``spent_usd`` is the estimate again.
        """
        estimate, spent = micro(estimate_usd), micro(spent_usd)
        self.held -= estimate
        self.spent += spent
        self.exceeded += max(0, spent - estimate)


def guard_of(order: LiveOrder, number: int, workers: int) -> SpendingGuard:
    """What process ``number`` of ``workers`` may send and spend of what an order allows in all."""
    return SpendingGuard(count_of(order.max_requests, number, workers), share_of(order.max_spend_usd, workers))


def share_of(bound: float | None, workers: int) -> float | None:
    """The part of a sum that one of several processes may spend: they do not ask each other."""
    return None if bound is None else bound / workers if workers > 1 else bound


def count_of(bound: int | None, worker: int, workers: int) -> int | None:
    """The part of a number of attempts that one of several processes may send; the parts add up to it."""
    return None if bound is None else bound // workers + (worker < bound % workers)
