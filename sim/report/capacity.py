"""Each side's total capacity: in words, and whether the sides are equal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sim.report.cast import Summary, configurations
from sim.report.numbers import NB, number

_UNITS = {
    "requests": "requests/min",
    "input_tokens": "input tokens/min",
    "output_tokens": "output tokens/min",
    "tokens": "tokens/min",
    "concurrency": "at once",
    "burst": "burst",
    "slots": "provider slots",
    "spend": "spend cap",
    "spend_cap_usd_per_month": "USD/month spend cap",
}


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name} {key}".strip())
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield name, float(value)


def _said(name: str) -> str:
    """A capacity's name as a unit: ``requests per_minute`` and ``requests_per_min`` → ``requests/min``."""
    for word in ("_per_minute", "_per_min", " per_minute", " per_min", " rate"):
        if name.endswith(word):
            base = name.removesuffix(word)
            return _UNITS.get(base, f"{base.replace('_', ' ')}/min")
    return _UNITS.get(name, name.replace("_", " "))


def capacity_parts(summary: Summary, name: str) -> tuple[tuple[str, str], ...]:
    """(amount, unit) of each dimension, as ``("60", "requests/min")``."""
    found = _flat(summary["configurations"][name].get("capacity", {}))
    parts = sorted(found, key=lambda part: ("burst" in part[0], "_per_min" not in part[0]))
    return tuple((number(value, 0 if value == round(value) else 1), _said(key)) for key, value in parts)


def capacity_text(summary: Summary, name: str) -> str:
    """All of a side's capacity in one line."""
    parts = capacity_parts(summary, name)
    said = (f"burst{NB}{amount}" if unit == "burst" else f"{amount}{NB}{unit}" for amount, unit in parts)
    return ", ".join(said) or "no limit"


def _parts(summary: Summary, name: str, spend: bool) -> tuple[tuple[str, float], ...]:
    """A side's spend caps, or all of its capacity but these."""
    found = _flat(summary["configurations"][name].get("capacity", {}))
    return tuple(sorted(part for part in found if part[0].startswith("spend") == spend))


def spend_text(summary: Summary, name: str) -> str:
    """What a side may spend in a month."""
    parts = _parts(summary, name, spend=True)
    return ", ".join(f"{number(value, 0)}{NB}{_said(key)}" for key, value in parts) or "without a cap"


def unequal(summary: Summary, *, spend: bool = False) -> tuple[str, ...]:
    """All configurations when any two differ in capacity (or in what they may spend); empty when none do.

    Configurations without any spend cap beside some with one are no difference: the cap is the point.
    """
    names = configurations(summary)
    sizes = {name: _parts(summary, name, spend) for name in names}
    told = {size for size in sizes.values() if size or not spend}
    return tuple(name for name in names if sizes[name] or not spend) if len(told) > 1 else ()
