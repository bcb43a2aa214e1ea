"""Which format a log has, and why; or what was looked for in vain."""

from __future__ import annotations

from collections.abc import Mapping

from sim.errors import BadInput
from sim.workload.importers.base import Importer
from sim.workload.importers.database import Database
from sim.workload.importers.look import Look, look
from sim.workload.importers.source import Source

AUTO, GENERIC = "auto", "generic"


def detect(
    source: Source | Database, importers: Mapping[str, Importer], wanted: str = AUTO, *, mapped: bool = False
) -> tuple[Importer, str]:
    """The importer for this log, and why it was chosen.

    ``wanted`` is a format's name or auto; ``mapped`` says that columns are mapped, which chooses the
    generic one. Raises BadInput when none claims the log, or several do, listing what was looked for.
    """
    seen = look(source)
    if wanted != AUTO:
        return importers[wanted], "it was asked for"
    if mapped:
        return importers[GENERIC], "its columns are mapped"
    claims = {one: why for one in importers.values() if (why := one.recognise(seen))}
    if len(claims) == 1:
        return next(iter(claims.items()))
    if claims:
        told = "; ".join(f"{one.name}, because {why}" for one, why in claims.items())
        hint = "say which one with format (in a scenario) or --format"
        raise BadInput(f"this may be of {len(claims)} formats: {told}", place=source.shown, hint=hint)
    raise _unknown(source.shown, seen, importers)


def _unknown(shown: str, seen: Look, importers: Mapping[str, Importer]) -> BadInput:
    """What is there, and what each format would have had."""
    known = "".join(f"\n      {one.name}: {one.wants}" for one in importers.values() if one.name != GENERIC)
    there = ", ".join(sorted(seen.names)[:30]) or "no column names"
    hint = (
        "map its columns (columns: {timestamp: …, input_tokens: …, output_tokens: …} in a scenario, --columns "
        f"timestamp=…,input_tokens=…,output_tokens=… on the command line). What was looked for:{known}"
    )
    value = f"{seen.kind} with {there}"
    return BadInput("the format is not recognised", place=f"{shown}:1", value=value[:400], hint=hint)
