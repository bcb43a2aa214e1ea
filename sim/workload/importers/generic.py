"""Any CSV (with a header) or JSONL, by a map of columns.

Keys inside JSON objects are written with dots, as ``usage.input_tokens``. ``team`` names the column
that says who sent the request.
"""

from __future__ import annotations

from sim.errors import BadInput
from sim.scenario.workloads import Trace
from sim.workload.importers.base import Builder, TraceRows, gather
from sim.workload.importers.fields import NO_NAME, Clock, name, tokens
from sim.workload.importers.reader import Record, Source


class Generic:
    """CSV or JSONL with one row a request, read as ``columns`` says."""

    name = "generic"
    columns = "whatever `columns` names"
    example = (
        "when,prompt,completion,cached,team\n"
        "2026-11-16T18:17:03.979Z,4808,10,512,checkout\n"
        "2026-11-16T18:17:04Z,3180,8,0,search\n"
        "2026-11-16T19:17:04.5+01:00,110,27,0,checkout\n"
    )

    def recognise(self, first_line: str, trace: Trace) -> str:
        """Only when the scenario maps columns."""
        return "the scenario maps its columns" if trace.columns is not None else ""

    def read(self, source: Source, trace: Trace) -> TraceRows:
        """All rows of the file. Raises BadInput without a column map."""
        if trace.columns is None:
            hint = "columns: {timestamp: …, input_tokens: …, output_tokens: …}"
            raise BadInput("format generic needs columns", place=source.shown, hint=hint)
        columns, clock, rows = trace.columns, Clock(trace.columns.unit), Builder()
        wanted = (columns.timestamp, columns.input_tokens, columns.output_tokens)
        optional = tuple(column for column in (columns.cached_input_tokens, columns.team) if column is not None)

        def parse(record: Record) -> None:
            stamp, inputs, outputs, *others = record
            cached = others[0] if columns.cached_input_tokens is not None else None
            rows.add(
                clock.ns(stamp),
                tokens(inputs, columns.input_tokens),
                tokens(outputs, columns.output_tokens),
                0 if cached in ("", None) else tokens(cached, str(columns.cached_input_tokens)),
                name(others[-1]) if columns.team is not None else "",
            )

        rejects = gather(source, wanted, optional, parse)
        if columns.team is not None and set(rows.names) == {NO_NAME}:
            hint = "check columns.team, or leave it out"
            raise BadInput("no row names a team", place=source.shown, value=columns.team, hint=hint)
        return rows.finish(rejects, (clock.note,) if clock.guessed else ())
