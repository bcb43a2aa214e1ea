"""Importers of request logs: one small module a format, a registry, and :func:`read_trace`.

How to add one: docs/adding-an-importer.md.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sim.errors import BadInput, BadRow
from sim.scenario.workloads import Trace
from sim.workload.importers.anthropic_console import AnthropicConsole
from sim.workload.importers.anthropic_cost import AnthropicCost
from sim.workload.importers.anthropic_usage import AnthropicUsage
from sim.workload.importers.azure import Azure
from sim.workload.importers.base import REQUEST_TOKENS, Importer, Reading
from sim.workload.importers.burstgpt import BurstGPT
from sim.workload.importers.collect import Collector, Rejects
from sim.workload.importers.detect import detect
from sim.workload.importers.generic import Generic
from sim.workload.importers.helicone import Helicone
from sim.workload.importers.holysheep import HolySheep
from sim.workload.importers.keystorm_log import KeystormLog, collect
from sim.workload.importers.labels import plain_name
from sim.workload.importers.langfuse import Langfuse
from sim.workload.importers.litellm import LiteLLM
from sim.workload.importers.mooncake import Mooncake
from sim.workload.importers.nginx import Nginx
from sim.workload.importers.openai_usage import OpenAIUsage
from sim.workload.importers.otel import OpenTelemetry
from sim.workload.importers.select import Part, cut_window, keep, split
from sim.workload.importers.servegen import ServeGen
from sim.workload.importers.source import Source
from sim.workload.importers.trace_rows import BadRowNote, Rates, TraceRows

_ALL: tuple[Importer, ...] = (
    LiteLLM(), AnthropicUsage(), AnthropicConsole(), AnthropicCost(), OpenAIUsage(), HolySheep(), Langfuse(),
    Helicone(), OpenTelemetry(), Nginx(), Azure(), BurstGPT(), Mooncake(), ServeGen(), KeystormLog(), Generic(),
)  # fmt: skip
IMPORTERS: dict[str, Importer] = {importer.name: importer for importer in _ALL}
"""Every format by its name."""

_LONG = 366 * 86_400 * 1_000_000_000


def read_trace(trace: Trace, base: Path, *, skip_bad_rows: bool = False) -> TraceRows:
    """The rows of ``trace.file`` (relative to ``base``), cut to its ``window`` and its clients.

    ``speed``, ``scale``, ``loop`` and ``spread_ticks`` are left to :func:`sim.workload.generate`.
    Raises BadInput when the file can't be read, has a wrong header, or has no rows that remain, and
    BadRow, which lists the first ten, when rows are malformed unless ``skip_bad_rows``.
    """
    source = Source(base, trace.file)
    importer, why = detect(source, IMPORTERS, trace.format, mapped=trace.columns is not None)
    if trace.tokens is not None and importer.name != "servegen":
        hint = "leave it out, or choose format: servegen"
        raise BadInput(f"{importer.name} has no tokens file", place=trace.file, value=trace.tokens, hint=hint)
    reading = Reading(trace.columns, trace.tokens, request_tokens=trace.request_tokens or REQUEST_TOKENS)
    models = None if trace.models is None else frozenset(trace.models)
    collector = Collector(Rejects(trace.file), reading, plain_name, models)
    if isinstance(importer, KeystormLog):
        collect(source, collector)
    else:
        collector.take(importer.read(source, reading))
    rows = collector.finish()
    _check_rejects(rows, trace.file, skip_bad_rows)
    notes = (f"{trace.file} read as {importer.name}: {why}", *rows.notes, *_warnings(rows, trace.file))
    rows = cut_window(replace(rows, notes=notes), trace)
    return rows if trace.clients is None else keep(rows, trace.clients, trace.file)


def _check_rejects(rows: TraceRows, file: str, skip_bad_rows: bool) -> None:
    listing = "\n".join(f"  {problem}" for problem in rows.rejected)
    more = rows.rejected_count - len(rows.rejected)
    listing += f"\n  … and {more:,} more" if more > 0 else ""
    summary = f"{rows.rejected_count:,} of {rows.read_count:,} rows can't be read"
    if rows.rejected_count and not skip_bad_rows:
        hint = "mend them, or leave them out with --skip-bad-rows"
        raise BadRow(f"{summary}:\n{listing}", place=file, hint=hint)
    if not rows.requests.sum():
        why = f"{summary}:\n{listing}" if rows.rejected_count else "the file has no requests"
        said = "".join(f"; {note}" for note in rows.notes)
        raise BadInput(why + said, place=file, hint="a log with at least one request")


def _warnings(rows: TraceRows, file: str) -> tuple[str, ...]:
    found = []
    if rows.rejected_count:
        found.append(f"{rows.rejected_count:,} of {rows.read_count:,} rows skipped in {file}")
    if rows.span_ns > _LONG:
        found.append(f"{file} spans {rows.span_ns / _LONG * 366:,.0f} days: is a time stamp wrong?")
    return tuple(found)


__all__ = ["IMPORTERS", "BadRowNote", "Importer", "Part", "Rates", "TraceRows", "detect", "keep", "read_trace", "split"]
