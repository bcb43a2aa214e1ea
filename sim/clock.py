"""The only clock of what happens over HTTP: virtual time runs at ``speed`` times the wall clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction

SECOND = 1_000_000_000
Ticks = Callable[[], int]
"""A clock that counts nanoseconds."""


class Clock:
    """Virtual nanoseconds from 0, never going back; 0 until its start has come.

    ``monotonic`` is what time is measured by, ``wall`` only says which date it is. Dates of virtual
    times run at the clock's speed too: with speed 1 they are those of the wall.
    """

    def __init__(self, speed: Fraction = Fraction(1), monotonic: Ticks = time.monotonic_ns, wall: Ticks = time.time_ns):
        self.speed = speed
        self._top, self._bottom = speed.numerator, speed.denominator
        self._monotonic = monotonic
        self._wall = wall
        self.start()

    def start(self, at_unix_ns: int | None = None) -> None:
        """Let virtual time be 0 at this wall time, which may lie in the future or in the past; now by default."""
        date, ticks = self._wall(), self._monotonic()
        self.epoch = date if at_unix_ns is None else at_unix_ns
        self._origin = ticks + self.epoch - date

    def now(self) -> int:
        """The virtual time."""
        elapsed = self._monotonic() - self._origin
        return elapsed * self._top // self._bottom if elapsed > 0 else 0

    def due(self, virtual: int) -> float:
        """The reading of the monotonic clock, in seconds as event loops count them, at a virtual time."""
        return (self._origin + virtual * self._bottom // self._top) / SECOND

    def date(self, virtual: int) -> int:
        """The date of a virtual time, unix ns."""
        return self.epoch + virtual

    def today(self) -> int:
        """The date of now on the wall, unix ns: what stands in logs."""
        return self._wall()

    def virtual_of(self, date: int) -> int:
        """The virtual time at which the wall shows a date."""
        return (date - self.epoch) * self.speed.numerator // self.speed.denominator
