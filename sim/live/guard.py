"""What an attempt must pass before money leaves: a guard that is asked first and told after."""

from __future__ import annotations

from typing import Protocol


class Guard(Protocol):
    """Bounds what a run sends and spends. Dollars by the catalogue's prices."""

    @property
    def reason(self) -> str:
        """Why nothing may be sent any more (``max_requests``, ``max_spend``); empty while something may."""
        ...

    def may_send(self, estimate_usd: float) -> bool:
        """Hold the most that one attempt can cost, and count it; False when a bound would be passed."""
        ...

    def settle(self, estimate_usd: float, spent_usd: float) -> None:
        """An attempt that was let pass has ended: give back what was held, book what was spent."""
        ...


class Unbounded:
    """Lets everything pass."""

    reason = ""

    def may_send(self, estimate_usd: float) -> bool:
        """Yes."""
        return True

    def settle(self, estimate_usd: float, spent_usd: float) -> None:
        """Nothing to do."""
