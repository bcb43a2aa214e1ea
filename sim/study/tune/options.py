"""What a tuning study is asked: which configuration, which limits, how much an account gives, which files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from sim.errors import BadInput, BadUnit
from sim.study.tune.settings import DIMENSIONS, PLANE
from sim.units import HOUR, Rate, rate

LIMITS_YAML, LITELLM, ANTHROPIC, CSV = "limits.yaml", "litellm", "anthropic", "csv"
EXPORTS = (LIMITS_YAML, LITELLM, ANTHROPIC, CSV)
"""Forms in which recommended settings can be written."""


@dataclass(frozen=True)
class Options:
    """A tuning study's own settings.

    ``configuration``: which one to tune (none: the first that limits each team by itself).
    ``account_capacity`` replaces what the account gives. ``executor`` and ``workers`` say where
    projects are searched (:func:`sim.study.pool.open_pool`); the result is the same everywhere.
    """

    configuration: str | None = None
    dimensions: tuple[str, ...] = PLANE
    account_capacity: Rate | None = None
    exports: tuple[str, ...] = (LIMITS_YAML, CSV)
    engine: str = "compiled"
    executor: str = "threads"
    workers: int | None = None
    out: Path | None = None
    command: tuple[str, ...] = ()

    def into(self, out: Path | None) -> Options:
        """The same, written into ``out``."""
        return replace(self, out=out)


def dimensions(text: str) -> tuple[str, ...]:
    """The dimensions in ``rpm,burst,input_tokens``, in the order of the search. Raises BadInput."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    for word in words:
        if word not in DIMENSIONS:
            raise _unknown("no such dimension", "--dimensions", word, DIMENSIONS)
    if not words:
        raise BadInput("no dimension", place="--dimensions", value=repr(text), hint=f"some of {', '.join(DIMENSIONS)}")
    return tuple(name for name in DIMENSIONS if name in words)


def capacity(text: str) -> Rate:
    """A rate of requests, at most per hour, as ``600/min``. Raises BadInput."""
    try:
        found = rate(text)
    except BadUnit as error:
        raise BadInput("not a rate", place="--account-capacity", value=repr(text), hint=error.problem.hint) from None
    if found.period_ns > HOUR or found.per_minute < 1:
        hint = "requests a minute, at least 1, as 600/min or 20/s"
        raise BadInput("not a rate of requests", place="--account-capacity", value=repr(text), hint=hint)
    return found


def exports(words: Sequence[str]) -> tuple[str, ...]:
    """The forms asked for, each once; limits.yaml and csv where none is. Raises BadInput."""
    for word in words:
        if word not in EXPORTS:
            raise _unknown("no such form of export", "--export", word, EXPORTS)
    return tuple(dict.fromkeys(words)) or (LIMITS_YAML, CSV)


def _unknown(problem: str, flag: str, word: str, known: Sequence[str]) -> BadInput:
    near = get_close_matches(word, known, n=1)
    hint = f'did you mean "{near[0]}"?' if near else f"some of {', '.join(known)}"
    return BadInput(problem, place=flag, value=repr(word), hint=hint)
