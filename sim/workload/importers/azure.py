"""Azure's LLM inference traces of 2023: CSV, ``TIMESTAMP,ContextTokens,GeneratedTokens``.

Source: Azure/AzurePublicDataset, AzureLLMInferenceTrace_*.csv. Stamps have seven digits of a second
and no zone; lines end in CRLF; no client is named.
"""

from __future__ import annotations

from sim.scenario.workloads import Trace
from sim.workload.importers.base import Builder, TraceRows, gather
from sim.workload.importers.fields import Clock, tokens
from sim.workload.importers.reader import Record, Source, header_names

COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")


class Azure:
    """CSV with one row a request."""

    name = "azure"
    columns = ",".join(COLUMNS)
    example = (
        "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
        "2023-11-16 18:17:03.9799600,4808,10\r\n"
        "2023-11-16 18:17:04.0319600,3180,8\r\n"
        "2023-11-16 18:17:04.0781490,110,27"
    )

    def recognise(self, first_line: str, trace: Trace) -> str:
        """By its header."""
        return "its header is Azure's" if set(COLUMNS) <= set(header_names(first_line)) else ""

    def read(self, source: Source, trace: Trace) -> TraceRows:
        """All rows of the file."""
        clock, rows = Clock("iso"), Builder()

        def parse(record: Record) -> None:
            stamp, inputs, outputs = record
            rows.add(clock.ns(stamp), tokens(inputs, COLUMNS[1]), tokens(outputs, COLUMNS[2]))

        return rows.finish(gather(source, COLUMNS, (), parse))
