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
    _known("no such dimension", "--dimensions", words, DIMENSIONS)
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
    _known("no such form of export", "--export", words, EXPORTS)
    return tuple(dict.fromkeys(words)) or (LIMITS_YAML, CSV)


def _known(problem: str, flag: str, words: Sequence[str], known: Sequence[str]) -> None:
    """Raise BadInput naming every word that is not ``known``."""
    bad = [word for word in dict.fromkeys(words) if word not in known]
    if not bad:
        return
    near = [match for word in bad for match in get_close_matches(word.lower(), known, n=1)]
    hints = [f"did you mean {' and '.join(map(_quoted, dict.fromkeys(near)))}?"] if near else []
    hints += [f"some of {', '.join(known)}"] if len(near) < len(bad) else []
    hint = " Else ".join(hints)
    raise BadInput(problem, place=flag, value=", ".join(map(repr, bad)), hint=hint)


def _quoted(word: str) -> str:
    return f'"{word}"'
