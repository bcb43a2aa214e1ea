"""How logs are to be imported, as the command line says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from difflib import get_close_matches
from pathlib import Path

from sim.errors import BadInput
from sim.scenario.workloads import Columns
from sim.units import count, duration
from sim.workload.importers import IMPORTERS
from sim.workload.importers.base import REQUEST_TOKENS
from sim.workload.importers.database import is_address, without_secrets
from sim.workload.importers.labels import BY, DEFAULT_BY

AUTO = "auto"


@dataclass(frozen=True)
class Options:
    """Everything that an import may be told.

    ``spread_ticks`` is a number of nanoseconds, 0 for never, or None: found out. ``window`` cuts a
    log of rates, in nanoseconds from its start. ``bulk`` rows are held in memory at once.
    """

    format: str = AUTO
    columns: Columns | None = None
    tokens: str | None = None
    timezone: str = "UTC"
    local: tzinfo = UTC
    team_by: tuple[str, ...] = DEFAULT_BY
    teams: Path | None = None
    request_tokens: int = REQUEST_TOKENS
    spread_ticks: int | None = None
    window: tuple[int, int] | None = None
    seed: int = 0
    command: tuple[str, ...] = ()
    bulk: int = 1 << 16


def known_format(name: str) -> str:
    """A format's name, or auto. Raises BadInput with the nearest name."""
    names = [AUTO, *IMPORTERS]
    if name not in names:
        close = get_close_matches(name, names, 1)
        hint = f"did you mean {close[0]}?" if close else f"one of {', '.join(names)}"
        raise BadInput("no such format", place="--format", value=repr(name), hint=hint)
    return name


def column_map(text: str) -> Columns:
    """A map of columns from ``timestamp=ts,input_tokens=usage.in,output_tokens=usage.out``. Raises BadInput."""
    known = list(Columns.model_fields)
    pairs: dict[str, str] = {}
    for piece in text.split(","):
        name, sign, column = (part.strip() for part in piece.partition("="))
        if not sign or not column or name not in known:
            close = get_close_matches(name, known, 1)
            hint = (
                f"did you mean {close[0]}=…?"
                if close and name not in known
                else f"NAME=COLUMN; names: {', '.join(known)}"
            )
            raise BadInput("not a map of columns", place="--columns", value=repr(piece), hint=hint)
        pairs[name] = column
    missing = [name for name in ("timestamp", "input_tokens", "output_tokens") if name not in pairs]
    if missing:
        raise BadInput(
            f"no column for {', '.join(missing)}", place="--columns", value=text, hint="NAME=COLUMN for each"
        )
    if pairs.get("unit", AUTO) not in (AUTO, "s", "ms", "us", "ns", "iso"):
        raise BadInput("no such unit", place="--columns", value=pairs["unit"], hint="auto, s, ms, us, ns or iso")
    return Columns.model_validate(pairs)


def senders(text: str) -> tuple[str, ...]:
    """What a team is taken from, as ``tag,team``. Raises BadInput."""
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in BY:
            raise BadInput(
                "a team can't be taken from this", place="--team-by", value=repr(name), hint=f"{', '.join(BY)}"
            )
    return names


def ticks(text: str) -> int | None:
    """None for auto, 0 for never, otherwise the length of a tick in nanoseconds. Raises BadInput."""
    if text == AUTO:
        return None
    try:
        return 0 if text == "never" else duration(text)
    except BadInput as error:
        hint = "auto, never, or a duration as 3s"
        raise BadInput("not a tick", place="--spread-ticks", value=repr(text), hint=hint) from error


def whole_tokens(text: str) -> int:
    """A number of tokens, as 2000 or 2k. Raises BadInput."""
    try:
        found = count(text)
    except BadInput as error:
        hint = "a whole number from 1 to a million, as 2000 or 2k"
        raise BadInput("not a number of tokens", place="--request-tokens", value=repr(text), hint=hint) from error
    if not 1 <= found <= 1_000_000:
        raise BadInput("out of range", place="--request-tokens", value=text, hint="from 1 to a million")
    return found


def window(text: str) -> tuple[int, int]:
    """Start and end of ``10m..40m`` in nanoseconds. Raises BadInput."""
    start, sign, end = text.partition("..")
    hint = "START..END from the log's start, as 0s..2h"
    try:
        found = duration(start), duration(end)
    except BadInput as error:
        raise BadInput("not a window", place="--window", value=repr(text), hint=hint) from error
    if not sign or found[0] >= found[1]:
        raise BadInput("not a window", place="--window", value=repr(text), hint=hint)
    return found


def shown_command(words: Sequence[str]) -> tuple[str, ...]:
    """The command line as it may be written: without the user and the password of a database."""
    return tuple(without_secrets(word) if is_address(word) else word for word in words)
