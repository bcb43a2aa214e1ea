"""How numbers are written: sensible digits, units, intervals. No number is formatted elsewhere.

A value with a 95 % interval shows as many digits as the interval deserves. Spaces inside a quantity
are no-break spaces, minus is the real minus sign, a missing value is an en dash.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NB = "\u00a0"
MISSING = "–"


@dataclass(frozen=True)
class Stat:
    """A mean over replications with the bounds of its 95 % interval; NaN where there is none."""

    mean: float
    low: float = math.nan
    high: float = math.nan

    @property
    def known(self) -> bool:
        """Whether there is a mean at all."""
        return math.isfinite(self.mean)

    @property
    def half(self) -> float:
        """Half the width of the interval; NaN when it is unknown."""
        return (self.high - self.low) / 2

    @property
    def differs(self) -> bool:
        """For a difference: zero is outside its interval. Without an interval: it is not zero."""
        if math.isfinite(self.half):
            return self.low > 0 or self.high < 0
        return self.known and self.mean != 0

    def complement(self) -> Stat:
        """1 minus this: the loss of a success rate."""
        return Stat(1 - self.mean, 1 - self.high, 1 - self.low)

    def scaled(self, factor: float) -> Stat:
        """All three numbers times ``factor`` (> 0)."""
        return Stat(self.mean * factor, self.low * factor, self.high * factor)


UNKNOWN = Stat(math.nan)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan


def stat(metrics: Mapping[str, Any], name: str) -> Stat:
    """Read ``{"mean", "ci95": [low, high]}`` under ``name``; missing and null become NaN."""
    found = metrics.get(name)
    if not isinstance(found, Mapping):
        return Stat(_number(found))
    low, high = [*(found.get("ci95") or ()), None, None][:2]
    return Stat(_number(found.get("mean")), _number(low), _number(high))


def kind_of(metric: str) -> str:
    """The kind of quantity by the metric's name: share, seconds, usd, ratio, rate or count."""
    if metric.endswith(("_rate", "_share", "jain", "jain_index", "utilization")):
        return "share"
    for suffix, kind in (("_s", "seconds"), ("_per_min", "rate"), ("_per_request", "ratio")):
        if metric.endswith(suffix):
            return kind
    return "usd" if "usd" in metric or metric.startswith("cost") else "count"


def _plain_digits(value: float) -> int:
    size = abs(value)
    return 0 if size >= 100 or size == 0 else 1 if size >= 10 else 2 if size >= 0.1 else 3


def _digits(value: float, half: float, kind: str) -> int:
    """Decimals: one or two significant digits of the interval, within what the quantity can use."""
    small = 3 if abs(value) < 0.1 else 2
    if kind == "share" and value in (0, 100) and not half > 0:
        return 0
    low, most = {"share": (1, 2), "usd": (2, 4), "count": (0, 1), "ratio": (0 if abs(value) >= 100 else 2, 2)}.get(
        kind, (0, small)
    )
    if math.isfinite(half) and half > 0:
        power = math.floor(math.log10(half))
        wanted = -power if half / 10.0**power >= 2.5 else 1 - power
    elif kind == "share":
        wanted = 2 if 0 < min(abs(value), abs(100 - value)) < 0.1 else 1
    elif kind == "usd" and 0 < abs(value) < 0.1:
        wanted = 1 - math.floor(math.log10(abs(value)))
    else:
        wanted = _plain_digits(value)
    if kind == "usd":
        low = 0 if abs(value) >= 1000 else 2
    return min(max(wanted, low), most if kind not in ("count", "ratio") or abs(value) < 100 else 0)


def _signed(text: str, value: float, sign: bool) -> str:
    bare = text.lstrip("-")
    if not any(digit in bare for digit in "123456789"):
        return bare
    return ("\u2212" if value < 0 else "+" if sign else "") + bare


def number(value: float, digits: int, *, sign: bool = False) -> str:
    """Thousands separated, a real minus; with ``sign`` a plus too."""
    return _signed(f"{value:,.{digits}f}", value, sign) if math.isfinite(value) else MISSING


def _dress(text: str, kind: str, unit: str | None) -> str:
    if kind == "usd":
        sign = text[0] if text[0] in "+\u2212" else ""
        return f"{sign}${text[len(sign) :]}"
    tail = unit if unit is not None else {"share": "%", "seconds": "s", "rate": "/min", "ratio": ""}.get(kind, "")
    return f"{text}{NB}{tail}" if tail and not tail.startswith("/") else text + tail


def short_text(value: Stat, kind: str) -> str:
    """The mean with three digits or so, whatever its interval: for labels beside a drawn interval."""
    return value_text(Stat(value.mean), kind)


def count_text(value: Stat) -> str:
    """A mean number of things without its interval: whole where all replications agree."""
    whole = value.known and abs(value.mean - round(value.mean)) < 0.05
    return f"{round(value.mean):,}" if whole else short_text(value, "count")


def value_text(value: Stat, kind: str, *, sign: bool = False, unit: str | None = None) -> str:
    """The mean with its unit, digits as its interval deserves: ``31.4 %``, ``$12.30``, ``4.21 s``."""
    if not value.known:
        return MISSING
    shown = value.scaled(100) if kind == "share" else value
    return _dress(number(shown.mean, _digits(shown.mean, shown.half, kind), sign=sign), kind, unit)


def half_text(value: Stat, kind: str) -> str:
    """Half the interval in the same digits, ``± 2.1``; empty when there is none, or all replications agree."""
    shown = value.scaled(100) if kind == "share" else value
    if not math.isfinite(shown.half) or shown.half == 0:
        return ""
    digits = _digits(shown.mean, shown.half, kind)
    if 0 < shown.half < 0.5 / 10**digits:
        return f"±{NB}<{number(1 / 10**digits, digits)}"
    return f"±{NB}{number(shown.half, digits)}"


def with_interval(value: Stat, kind: str, *, sign: bool = False, unit: str | None = None) -> str:
    """``31.4 % ± 2.1``; only the mean when the interval is unknown."""
    half = half_text(value, kind)
    text = value_text(value, kind, sign=sign, unit=unit)
    return f"{text}{NB}{half}" if half and value.known else text


def clock(seconds: float) -> str:
    """A moment of the scenario as ``0:30`` (hours:minutes)."""
    minutes = round(seconds / 60)
    return f"{minutes // 60}:{minutes % 60:02d}"
