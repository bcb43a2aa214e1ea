"""Reads time stamps: numbers in a unit, or ISO 8601 with or without a time zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sim.errors import BadInput, BadRow
from sim.units import MAX_TIME, MS, NS, SECOND, US
from sim.workload.importers.fields import decimal, shown

Unit = Literal["auto", "s", "ms", "us", "ns", "iso"]

_SIZE = {"s": SECOND, "ms": MS, "us": US, "ns": NS}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO = re.compile(
    r"^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d)(:\d\d)?(?:[.,](\d{1,12}))?\s*(Z|UTC|[+-]\d\d(?::?\d\d)?)?$", re.IGNORECASE
)
_OFFSET = re.compile(r"^([+-])(\d\d):?(\d\d)$")
_MINUTES = 4096
"""Minutes whose place in time is remembered: the rows of a log stand close together."""


def zone(text: str) -> tzinfo:
    """A time zone from ``UTC``, ``Europe/Berlin`` or ``+02:00``. Raises BadInput."""
    match = _OFFSET.match(text)
    if match is not None and int(match[2]) < 24 and int(match[3]) < 60:
        sign = -1 if match[1] == "-" else 1
        return timezone(sign * timedelta(hours=int(match[2]), minutes=int(match[3])))
    if text.upper() in ("UTC", "Z"):
        return UTC
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = "as UTC, +02:00 or Europe/Berlin"
        raise BadInput("no such time zone", place="--timezone", value=repr(text), hint=hint) from None


class Clock:
    """Turns time stamps into nanoseconds since 1970, or since whatever zero the log has.

    ``auto`` decides on the first stamp that can be read: text with dashes and colons is ISO 8601; a
    number is seconds, milliseconds, microseconds or nanoseconds since 1970 by its size (the four
    are apart by a factor of 1000, so years 1973 to 2116 can't be mistaken), and a number too small
    for any of them is seconds from the start of the log. ISO stamps without a zone are of ``local``.
    A local time that occurs twice, as clocks go back, is taken as the first.
    """

    def __init__(self, unit: Unit, local: tzinfo = UTC) -> None:
        self.unit = unit
        self.guessed = unit == "auto"
        self._local = local
        self._minutes: dict[str, int] = {}
        self.bare = 0
        """Stamps without a zone."""
        self.twice = 0
        """Those of them that a change of clocks makes ambiguous, or that it skips."""

    def ns(self, value: Any) -> int:
        """The stamp in nanoseconds. Raises BadRow."""
        if self.unit == "auto":
            unit = _guess(value)
            time = self._read(value, unit)
            self.unit = unit
            return time
        return self._read(value, self.unit)

    def ns_or(self, value: Any, default: int = -1) -> int:
        """The same, or ``default`` where there is no stamp."""
        return default if value in (None, "") else self.ns(value)

    @property
    def note(self) -> str:
        """What ``auto`` decided, as a sentence."""
        means = f"ISO 8601, {self._local} where no zone is given" if self.unit == "iso" else f"numbers in {self.unit}"
        return f"time stamps read as {means} (columns.unit says otherwise)"

    def _read(self, value: Any, unit: str) -> int:
        return self._iso(value) if unit == "iso" else _numeric(value, unit)

    def _iso(self, value: Any) -> int:
        match = _ISO.match(value.strip()) if isinstance(value, str) else None
        if match is None:
            raise BadRow("not a time stamp", value=shown(value), hint="as 2026-11-16T18:17:03.979Z")
        minute, second, fraction, offset = match.groups()
        seconds = self._minute(minute, offset) + _second(second, value)
        if not 0 <= seconds < MAX_TIME // SECOND:
            raise BadRow("the time stamp is out of range", value=shown(value), hint="years 1970 to 2116")
        return seconds * SECOND + (int(fraction.ljust(9, "0")[:9]) if fraction else 0)

    def _minute(self, minute: str, offset: str | None) -> int:
        """Seconds since 1970 at the start of a minute."""
        if offset is None:
            self.bare += 1
        key = minute if offset is None else minute + offset
        known = self._minutes.get(key)
        if known is not None and not (self.twice and offset is None):
            return known
        if len(self._minutes) >= _MINUTES:
            self._minutes.clear()
        try:
            found = self._place(minute, offset)
        except (ValueError, OverflowError) as error:
            raise BadRow("not a time stamp", value=shown(minute), hint=str(error)) from error
        self._minutes[key] = found
        return found

    def _place(self, minute: str, offset: str | None) -> int:
        if offset is None:
            local = datetime.fromisoformat(minute).replace(tzinfo=self._local)
            # Before and after a change of clocks "fold" says which; elsewhere it changes nothing.
            self.twice += local.utcoffset() != local.replace(fold=1).utcoffset()
        else:
            plain = "+00:00" if offset.upper() in ("Z", "UTC") else offset if len(offset) > 3 else f"{offset}:00"
            local = datetime.fromisoformat(f"{minute}:00{plain}")
        moment = local - _EPOCH
        return moment.days * 86_400 + moment.seconds


def _second(text: str | None, value: Any) -> int:
    second = int(text[1:]) if text else 0
    if second > 59:
        raise BadRow("not a time stamp", value=shown(value), hint="second must be in 0..59")
    return second


def _guess(value: Any) -> Unit:
    found = decimal(value)
    if found is None:
        return "iso"
    size = abs(found)
    return "ns" if size >= 10**17 else "us" if size >= 10**14 else "ms" if size >= 10**11 else "s"


def _numeric(value: Any, unit: str) -> int:
    found = decimal(value)
    if found is None:
        raise BadRow("the time stamp is no number", value=shown(value), hint=f"a number in {unit}")
    if not 0 <= found < MAX_TIME // _SIZE[unit]:
        hint = f"from 0 to {MAX_TIME // _SIZE[unit]} {unit}"
        raise BadRow("the time stamp is out of range", value=shown(value), hint=hint)
    return int(found * _SIZE[unit])
