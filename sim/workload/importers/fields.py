"""Reads the values of a log: token counts, numbers, names and time stamps, exactly or not at all."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from sim.errors import BadRow
from sim.scenario.base import MAX_TOKENS
from sim.units import MAX_TIME, MS, NS, SECOND, US

NO_NAME = "(none)"
"""The client of rows that name none."""

LONGEST_NAME = 80
"""A team's name may be so long, and a client of a trace may become a team."""

Unit = Literal["auto", "s", "ms", "us", "ns", "iso"]

_SIZE = {"s": SECOND, "ms": MS, "us": US, "ns": NS}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO = re.compile(
    r"^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d)?(?:[.,](\d{1,12}))?\s*(Z|UTC|[+-]\d\d:?\d\d)?$", re.IGNORECASE
)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _decimal(value: Any) -> Decimal | None:
    """The number in an int or a text; None when it is none or not finite."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    try:
        number = Decimal(value.strip() if isinstance(value, str) else value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def tokens(value: Any, name: str) -> int:
    """A whole, non-negative token count; "12" and "12.0" are whole. Raises BadRow."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 8:
        return int(value)  # nearly all values: below MAX_TOKENS by their length alone
    number = _decimal(value)
    if number is None:
        raise BadRow(f"{name} is no number", value=_shown(value), hint="a whole number of tokens, as 1200")
    if number < 0:
        raise BadRow(f"{name} is negative", value=_shown(value), hint="0 or more tokens")
    if number > MAX_TOKENS:
        raise BadRow(f"{name} is impossibly large", value=_shown(value), hint=f"at most {MAX_TOKENS:,} tokens")
    if number != number.to_integral_value():
        raise BadRow(f"{name} is not whole", value=_shown(value), hint="a whole number of tokens, as 1200")
    return int(number)


def number(value: Any, name: str, low: float = 0.0, high: float = 1e12) -> float:
    """A finite number between ``low`` and ``high``. Raises BadRow."""
    found = _decimal(value)
    if found is None or not math.isfinite(float(found)):
        raise BadRow(f"{name} is no number", value=_shown(value), hint=f"a number from {low:g} to {high:g}")
    if not low <= float(found) <= high:
        raise BadRow(f"{name} is out of range", value=_shown(value), hint=f"from {low:g} to {high:g}")
    return float(found)


def name(value: Any, kind: str = "team") -> str:
    """A client's name; "(none)" when empty. Raises BadRow for what can't name a team."""
    if isinstance(value, (dict, list, bool)):
        raise BadRow(f"{kind} is no name", value=_shown(value), hint="a short text")
    text = "" if value is None else str(value).strip()
    if len(text) > LONGEST_NAME:
        raise BadRow(f"{kind} is too long for a name", value=_shown(text), hint=f"at most {LONGEST_NAME} characters")
    if not text.isprintable():
        # Control characters and lone surrogates would break tables and terminals later.
        text = "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
    return text or NO_NAME


class Clock:
    """Turns time stamps into nanoseconds since 1970, or since whatever zero the log has.

    ``auto`` decides on the first stamp that can be read: text with dashes and colons is ISO 8601; a
    number is seconds, milliseconds, microseconds or nanoseconds since 1970 by its size (the four
    are apart by a factor of 1000, so years 1973 to 2116 can't be mistaken), and a number too small
    for any of them is seconds from the start of the log. ISO stamps without a zone are UTC.
    """

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.guessed = unit == "auto"

    def ns(self, value: Any) -> int:
        """The stamp in nanoseconds. Raises BadRow."""
        if self.unit == "auto":
            unit = _guess(value)
            time = _read(value, unit)
            self.unit = unit
            return time
        return _read(value, self.unit)

    @property
    def note(self) -> str:
        """What ``auto`` decided, as a sentence."""
        means = "ISO 8601, UTC where no zone is given" if self.unit == "iso" else f"numbers in {self.unit}"
        return f"time stamps read as {means} (columns.unit says otherwise)"


def _read(value: Any, unit: str) -> int:
    return _iso(value) if unit == "iso" else _numeric(value, unit)


def _guess(value: Any) -> Unit:
    found = _decimal(value)
    if found is None:
        return "iso"
    size = abs(found)
    return "ns" if size >= 10**17 else "us" if size >= 10**14 else "ms" if size >= 10**11 else "s"


def _numeric(value: Any, unit: str) -> int:
    found = _decimal(value)
    if found is None:
        raise BadRow("the time stamp is no number", value=_shown(value), hint=f"a number in {unit}")
    if not 0 <= found < MAX_TIME // _SIZE[unit]:
        hint = f"from 0 to {MAX_TIME // _SIZE[unit]} {unit}"
        raise BadRow("the time stamp is out of range", value=_shown(value), hint=hint)
    return int(found * _SIZE[unit])


def _iso(value: Any) -> int:
    match = _ISO.match(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise BadRow("not a time stamp", value=_shown(value), hint="as 2026-11-16T18:17:03.979Z")
    day, minute, second, fraction, zone = match.groups()
    offset = "+00:00" if zone is None or zone.upper() in ("Z", "UTC") else zone
    try:
        moment = datetime.fromisoformat(f"{day}T{minute}{second or ':00'}{offset}") - _EPOCH
    except ValueError as error:
        raise BadRow("not a time stamp", value=_shown(value), hint=str(error)) from error
    seconds = moment.days * 86_400 + moment.seconds
    if not 0 <= seconds < MAX_TIME // SECOND:
        raise BadRow("the time stamp is out of range", value=_shown(value), hint="years 1970 to 2116")
    return seconds * SECOND + int((fraction or "").ljust(9, "0")[:9])
