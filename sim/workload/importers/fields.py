"""Reads the values of a log: token counts, numbers, money and names, exactly or not at all."""

from __future__ import annotations

import json
import math
from decimal import Decimal, InvalidOperation
from typing import Any

from sim.errors import BadRow
from sim.scenario.base import MAX_TOKENS
from sim.units import MICRO, MS, SECOND

NO_NAME = "(none)"
"""The client of rows that name none."""

LONGEST_NAME = 80
"""A team's name may be so long, and a client of a trace may become a team."""

UNKNOWN = -1
"""What a count, a time or a status is where the log does not say."""

EMPTY = (None, "")
"""How logs say nothing: a null, or nothing between two commas."""

DECODER = json.JSONDecoder(parse_float=str, parse_constant=str)
"""Numbers with a fraction stay text: no digit of a stamp or a sum is lost."""

_LONGEST = 366 * 86_400
"""Seconds: a longer answer is a mistake."""


def shown(value: Any) -> str:
    """At most sixty characters of a value, as an error shows it."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def decimal(value: Any) -> Decimal | None:
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
    number = decimal(value)
    if number is None:
        raise BadRow(f"{name} is no number", value=shown(value), hint="a whole number of tokens, as 1200")
    if number < 0:
        raise BadRow(f"{name} is negative", value=shown(value), hint="0 or more tokens")
    if number > MAX_TOKENS:
        raise BadRow(f"{name} is impossibly large", value=shown(value), hint=f"at most {MAX_TOKENS:,} tokens")
    if number != number.to_integral_value():
        raise BadRow(f"{name} is not whole", value=shown(value), hint="a whole number of tokens, as 1200")
    return int(number)


def number(value: Any, name: str, low: float = 0.0, high: float = 1e12) -> float:
    """A finite number between ``low`` and ``high``. Raises BadRow."""
    found = decimal(value)
    if found is None or not math.isfinite(float(found)):
        raise BadRow(f"{name} is no number", value=shown(value), hint=f"a number from {low:g} to {high:g}")
    if not low <= float(found) <= high:
        raise BadRow(f"{name} is out of range", value=shown(value), hint=f"from {low:g} to {high:g}")
    return float(found)


def name(value: Any, kind: str = "team") -> str:
    """A client's name; "(none)" when empty. Raises BadRow for what can't name a team."""
    if isinstance(value, (dict, list, bool)):
        raise BadRow(f"{kind} is no name", value=shown(value), hint="a short text")
    text = "" if value is None else str(value).strip()
    if len(text) > LONGEST_NAME:
        raise BadRow(f"{kind} is too long for a name", value=shown(text), hint=f"at most {LONGEST_NAME} characters")
    if not text.isprintable():
        # Control characters and lone surrogates would break tables and terminals later.
        text = "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
    return text or NO_NAME


def tokens_or(value: Any, name: str, default: int = 0) -> int:
    """A token count; ``default`` where there is none."""
    return default if value in EMPTY else tokens(value, name)


def span(value: Any, name: str, unit_ns: int = SECOND) -> int:
    """A length of time in nanoseconds, given in ``unit_ns``; UNKNOWN where there is none. Raises BadRow."""
    if value in EMPTY or value == "-":
        return UNKNOWN
    found = decimal(value)
    if found is None:
        unit = "seconds" if unit_ns == SECOND else "milliseconds"
        raise BadRow(f"{name} is no number", value=shown(value), hint=f"a number of {unit}")
    if not 0 <= found <= _LONGEST * SECOND // unit_ns:
        raise BadRow(f"{name} is out of range", value=shown(value), hint="from 0 to a year")
    return int(found * unit_ns)


def milliseconds(value: Any, name: str) -> int:
    """A length of time given in milliseconds, in nanoseconds; UNKNOWN where there is none."""
    return span(value, name, MS)


def micro_usd(value: Any, name: str, per_usd: int = 1) -> int:
    """Micro-dollars of a sum given in dollars, or in parts of one: ``per_usd`` 100 for cents.

    UNKNOWN where there is none. Raises BadRow.
    """
    if value in EMPTY:
        return UNKNOWN
    text = value.strip().removeprefix("$") if isinstance(value, str) else value
    found = decimal(text)
    if found is None:
        raise BadRow(f"{name} is no sum of money", value=shown(value), hint="a decimal number, as 0.0123")
    if not 0 <= found <= 10**9 * per_usd:
        raise BadRow(f"{name} is out of range", value=shown(value), hint="0 or more, at most 10^9 dollars")
    return round(found * MICRO / per_usd)


def status(value: Any) -> int:
    """An HTTP status from 100 to 599; UNKNOWN for anything else, as logs write words here too."""
    found = decimal(value)
    if found is None or found != found.to_integral_value() or not 100 <= found <= 599:
        return UNKNOWN
    return int(found)


def flag(value: Any) -> bool:
    """Whether a log says yes: true, True, "true", "1"."""
    return value is True or str(value).strip().lower() in ("true", "1", "yes", "hit")


def inner(value: Any) -> Any:
    """The object or list in a text; what is one already; None for anything else."""
    if isinstance(value, (dict, list)):
        return value
    if not isinstance(value, str) or len(value) <= 2 or value[0] not in "{[":
        return None
    try:
        return DECODER.decode(value)
    except (ValueError, RecursionError):
        return _python(value)


def _python(value: str) -> Any:
    """The same of a text as Python's csv module writes a dict: with single quotes, None and True."""
    import ast

    try:
        found = ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None
    return found if isinstance(found, (dict, list)) else None


def mapping(value: Any) -> dict[str, Any]:
    """The object in a value; an empty one where there is none."""
    found = value if isinstance(value, dict) else inner(value) if value else None
    return found if isinstance(found, dict) else {}


def text(value: Any) -> str:
    """A short text of one word or name; empty where there is none. Never raises: for what only labels a row."""
    if isinstance(value, str):
        return value.strip()
    return "" if value is None or isinstance(value, (dict, list, bool)) else str(value)
