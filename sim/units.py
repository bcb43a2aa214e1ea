"""Quantities as people write them, turned into integers.

Time is int64 nanoseconds, money int micro-dollars (1 USD = 1_000_000), sizes are tokens or plain
counts. Nothing here knows a clock. Strings follow the design's examples: ``250ms``, ``60/min``,
``2M/min``, ``$1000/month``, ``0.8`` or ``80%``. A month is 30 days, a calendar has no place in a
simulation that starts at time zero.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from sim.errors import BadUnit

NS = 1
US = 1_000
MS = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
MONTH = 30 * DAY
MICRO = 1_000_000
MAX_TIME = 2**62
"""Largest time that arithmetic on int64 may meet: about 146 years."""

_TIME = {
    **dict.fromkeys(("ns",), NS),
    **dict.fromkeys(("us", "µs"), US),
    **dict.fromkeys(("ms",), MS),
    **dict.fromkeys(("s", "sec", "second", "seconds"), SECOND),
    **dict.fromkeys(("m", "min", "minute", "minutes"), MINUTE),
    **dict.fromkeys(("h", "hour", "hours"), HOUR),
    **dict.fromkeys(("d", "day", "days"), DAY),
    **dict.fromkeys(("w", "week", "weeks"), WEEK),
    **dict.fromkeys(("month", "months"), MONTH),
}
_SCALE = {"": 1, "k": 1_000, "K": 1_000, "M": 1_000_000, "G": 1_000_000_000}
_NUMBER = r"(\d[\d_,]*(?:\.\d+)?|\.\d+)"
_PIECE = re.compile(rf"{_NUMBER}\s*([a-zµ]+)\s*")
_COUNT = re.compile(rf"^\s*{_NUMBER}\s*([kKMG]?)\s*$")
_RATE = re.compile(rf"^\s*{_NUMBER}\s*([kKMG]?)\s*/\s*(\d*)\s*([a-z]+)\s*$")
_MONEY = re.compile(rf"^\s*(?:\$|USD\s)\s*{_NUMBER}\s*([kKMG]?)\s*$")
_SHARE = re.compile(rf"^\s*{_NUMBER}\s*(%?)\s*$")


@dataclass(frozen=True)
class Rate:
    """``count`` per ``period_ns``; ``Rate(60, MINUTE)`` is 60 a minute. ``count`` may be fractional."""

    count: Fraction
    period_ns: int

    @property
    def per_second(self) -> float:
        """The same as events a second."""
        return float(self.count * SECOND / self.period_ns)

    @property
    def per_minute(self) -> float:
        """The same as events a minute."""
        return float(self.count * MINUTE / self.period_ns)

    @property
    def credit(self) -> tuple[int, int]:
        """(credits refilled a nanosecond, credits of one event): the exact rate, reduced."""
        refill = self.count / self.period_ns
        return refill.numerator, refill.denominator

    def times(self, factor: Fraction | int) -> Rate:
        """The rate scaled by an exact factor."""
        return Rate(self.count * factor, self.period_ns)

    def __str__(self) -> str:
        return f"{plain(self.count)}/{_period_name(self.period_ns)}"


@dataclass(frozen=True)
class MoneyRate:
    """A spend cap: ``micro_usd`` in each window of ``period_ns``."""

    micro_usd: int
    period_ns: int

    def __str__(self) -> str:
        return f"${plain(Fraction(self.micro_usd, MICRO))}/{_period_name(self.period_ns)}"


def _period_name(period_ns: int) -> str:
    names = {SECOND: "s", MINUTE: "min", HOUR: "h", DAY: "day", WEEK: "week", MONTH: "month"}
    return names.get(period_ns, duration_text(period_ns))


def plain(value: Fraction) -> str:
    """A fraction as a short decimal: ``60``, ``0.5``."""
    return str(value.numerator) if value.denominator == 1 else f"{float(value):g}"


def _fraction(text: str) -> Fraction:
    return Fraction(text.replace("_", "").replace(",", ""))


def _fail(kind: str, value: object, hint: str) -> BadUnit:
    return BadUnit(f"not a {kind}", value=repr(value), hint=hint)


def duration(value: object) -> int:
    """Nanoseconds of ``"250ms"``, ``"1h 30m"``, ``"5m"``; a plain 0 is allowed. Raises BadUnit."""
    hint = 'a number with a unit, as "250ms", "30s", "5m", "2h" or "30 days"'
    if value == 0 and not isinstance(value, bool):
        return 0
    if not isinstance(value, str):
        raise _fail("duration", value, hint)
    total, at, text = Fraction(0), 0, value.strip()
    while at < len(text):
        piece = _PIECE.match(text, at)
        if piece is None or piece[2] not in _TIME:
            raise _fail("duration", value, hint)
        total += _fraction(piece[1]) * _TIME[piece[2]]
        at = piece.end()
    if not text or total >= MAX_TIME:
        raise _fail("duration", value, hint)
    return round(total)


def duration_text(ns: int) -> str:
    """The shortest exact writing of a duration that :func:`duration` reads back."""
    if ns == 0:
        return "0s"
    for unit, size in (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND), ("ms", MS), ("us", US)):
        if ns % size == 0:
            return f"{ns // size}{unit}"
    return f"{ns}ns"


def moment(value: object) -> datetime:
    """A moment in UTC from RFC 3339, as ``"2026-01-01T00:00:00Z"``. Raises BadUnit."""
    hint = 'a date and time with its offset, as "2026-01-01T00:00:00Z"'
    found = value
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value.strip())
        except ValueError:
            raise _fail("moment", value, hint) from None
    if not isinstance(found, datetime) or found.tzinfo is None or not 1970 <= found.year <= 2200:
        raise _fail("moment", value, f"{hint}, from 1970 to 2200")
    return found.astimezone(UTC)


def moment_text(value: datetime) -> str:
    """RFC 3339 in UTC, as :func:`moment` reads it back."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def epoch_ns(value: datetime) -> int:
    """Nanoseconds from 1970 to a moment."""
    return (value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * US


def rate(value: object) -> Rate:
    """A :class:`Rate` from ``"60/min"``, ``"2M/min"``, ``"0.5/s"``, ``"20/10s"``. Raises BadUnit."""
    hint = 'a count per time, as "60/min", "2M/min", "5/s", "10/10s" or "1000/day"'
    if isinstance(value, Rate):
        return value
    match = _RATE.match(value) if isinstance(value, str) else None
    if match is None or match[4] not in _TIME:
        raise _fail("rate", value, hint)
    count, period = _fraction(match[1]) * _SCALE[match[2]], int(match[3] or 1) * _TIME[match[4]]
    if count <= 0 or count > 10**15 or not 0 < period <= MONTH:
        raise _fail("positive rate", value, hint)
    return Rate(count, period)


def count(value: object) -> int:
    """A whole number from ``2000``, ``"2k"``, ``"1.5M"``. Raises BadUnit."""
    hint = 'a whole number, as 2000, "2k" or "1.5M"'
    if isinstance(value, int) and not isinstance(value, bool):
        number = Fraction(value)
    else:
        match = _COUNT.match(value) if isinstance(value, str) else None
        if match is None:
            raise _fail("count", value, hint)
        number = _fraction(match[1]) * _SCALE[match[2]]
    if number.denominator != 1 or number < 0 or number > 10**15:
        raise _fail("whole number", value, hint)
    return int(number)


def share(value: object) -> Fraction:
    """A fraction between 0 and 1 from ``0.8`` or ``"80%"``. Raises BadUnit."""
    number = ratio(value, "share")
    if number > 1:
        raise _fail("share", value, 'between 0 and 1, as 0.8 or "80%"')
    return number


def ratio(value: object, what: str = "factor") -> Fraction:
    """A non-negative number from ``1.5`` or ``"150%"``. Raises BadUnit, in which ``what`` names it."""
    hint = 'a number or a percentage, as 0.8 or "80%"' if what == "share" else 'a number, as 1.5 or "150%"'
    if isinstance(value, Fraction) and value >= 0:
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        text = repr(value)
        match = None if text in ("inf", "nan") else re.match(r"^([\d.]+(?:e[+-]?\d+)?)()$", text)
    else:
        match = _SHARE.match(value) if isinstance(value, str) else None
    if match is None:
        raise _fail(what, value, hint)
    number = _fraction(match[1])
    return number / 100 if match[2] else number


def money(value: object) -> int:
    """Micro-dollars of ``"$15"``, ``"$0.30"`` or ``"$1.5k"``. Raises BadUnit."""
    match = _MONEY.match(value) if isinstance(value, str) else None
    if match is None:
        raise _fail("sum of money", value, 'dollars, as "$15", "$0.30" or "$1.5k"')
    return round(_fraction(match[1]) * _SCALE[match[2]] * MICRO)


def money_rate(value: object) -> MoneyRate:
    """A spend cap from ``"$1000/month"``, ``"$40/day"``. Raises BadUnit."""
    hint = 'dollars per hour, day, week or month, as "$1000/month"'
    if isinstance(value, MoneyRate):
        return value
    head, _, tail = value.partition("/") if isinstance(value, str) else ("", "", "")
    if _TIME.get(tail.strip(), 0) < HOUR or _MONEY.match(head) is None:
        raise _fail("spend cap", value, hint)
    return MoneyRate(money(head), _TIME[tail.strip()])
