"""Any CSV (with a header) or JSON, by a map of columns.

Keys inside JSON objects are written with dots, as ``usage.input_tokens``. ``team`` names the column
that says who sent the request. A column that a CSV's header lacks is an error, so that a mistyped
name is not taken for "the log does not say"; a JSON object may lack all but the first three.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sim.errors import BadInput
from sim.scenario.workloads import Columns
from sim.workload.importers.base import Item, Note, Reading, Request, Who, each, part_of
from sim.workload.importers.clock import Clock
from sim.workload.importers.database import Database
from sim.workload.importers.fields import (
    EMPTY,
    UNKNOWN,
    flag,
    micro_usd,
    milliseconds,
    name,
    span,
    status,
    text,
    tokens,
    tokens_or,
)  # fmt: skip
from sim.workload.importers.look import Look
from sim.workload.importers.records import Column, Record
from sim.workload.importers.source import Source

_NEEDED = ("timestamp", "input_tokens", "output_tokens")


class Generic:
    """CSV or JSON with one row a request, read as ``columns`` says."""

    name = "generic"
    about = "any CSV or JSON with one row a request, by a map of its columns"
    wants = "whatever `columns` names"
    example = (
        "when,prompt,completion,cached,team\n"
        "2026-11-16T18:17:03.979Z,4808,10,512,checkout\n"
        "2026-11-16T18:17:04Z,3180,8,0,search\n"
        "2026-11-16T19:17:04.5+01:00,110,27,0,checkout\n"
    )

    def recognise(self, look: Look) -> str:
        """Never by itself: a map of columns chooses it."""
        return ""

    def read(self, source: Source | Database, reading: Reading) -> Iterator[Item]:
        """All rows of the file. Raises BadInput without a column map."""
        if reading.columns is None:
            hint = "columns: {timestamp: …, input_tokens: …, output_tokens: …}"
            raise BadInput("format generic needs columns", place=source.shown, hint=hint)
        return _rows(source, reading.columns, reading)


def _rows(source: Source | Database, columns: Columns, reading: Reading) -> Iterator[Item]:
    mapped = {field: value for field, value in columns.model_dump().items() if field != "unit" and value is not None}
    wanted = [Column((value,), header=True, value=field in _NEEDED) for field, value in mapped.items()]
    clock = reading.clock(columns.unit)
    requests = named = 0

    def parse(record: Record) -> Request:
        return _request(dict(zip(mapped, record, strict=True)), mapped, clock)

    for item in each(source, wanted, parse):
        if isinstance(item, Request):
            requests, named = requests + 1, named + bool(item.who.team)
        yield item
    if columns.team is not None and requests and not named:
        hint = "check columns.team, or leave it out"
        raise BadInput("no row names a team", place=source.shown, value=columns.team, hint=hint)
    if clock.guessed:
        yield Note(clock.note)


def _request(row: dict[str, Any], mapped: dict[str, str], clock: Clock) -> Request:
    inputs = tokens(row["input_tokens"], mapped["input_tokens"])
    cached = tokens_or(row.get("cached_input_tokens"), mapped.get("cached_input_tokens", ""))
    start, code = clock.ns(row["timestamp"]), status(row.get("status"))
    team = "" if row.get("team") in EMPTY else name(row["team"])
    return Request(
        start, inputs, tokens(row["output_tokens"], mapped["output_tokens"]),
        part_of(cached, inputs, "cached"),
        who=Who(team, text(row.get("project")), text(row.get("key"))),
        model=text(row.get("model")), duration_ns=_duration(row, mapped, clock, start),
        first_token_ns=milliseconds(row.get("first_token_ms"), mapped.get("first_token_ms", "")),
        status=code, failed=None if code == UNKNOWN else code >= 400, session=text(row.get("session")),
        cost=micro_usd(row.get("cost_usd"), mapped.get("cost_usd", "")),
        cached=flag(row.get("gateway_cache_hit")), identity=text(row.get("request_id")),
    )  # fmt: skip


def _duration(row: dict[str, Any], mapped: dict[str, str], clock: Clock, start: int) -> int:
    """How long the request took, by whichever column is mapped; an end before the start is unknown."""
    if row.get("end") not in EMPTY:
        end = clock.ns(row["end"])
        return end - start if end >= start else UNKNOWN
    if row.get("duration_s") not in EMPTY:
        return span(row["duration_s"], mapped["duration_s"])
    return milliseconds(row.get("duration_ms"), mapped.get("duration_ms", ""))
