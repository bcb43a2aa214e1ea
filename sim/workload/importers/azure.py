"""Azure's LLM inference traces of 2023: CSV, ``TIMESTAMP,ContextTokens,GeneratedTokens``.

Source: Azure/AzurePublicDataset, AzureLLMInferenceTrace_*.csv. Stamps have seven digits of a second
and no zone; lines end in CRLF; no client is named. The traces of 2024 have the same columns, their
stamps six digits and a zone.
"""

from __future__ import annotations

from collections.abc import Iterator

from sim.workload.importers.base import Item, Reading, Request, each
from sim.workload.importers.database import Database
from sim.workload.importers.fields import tokens
from sim.workload.importers.look import Look
from sim.workload.importers.records import Record, must
from sim.workload.importers.source import Source

COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")


class Azure:
    """CSV with one row a request."""

    name = "azure"
    about = "Azure's public LLM traces of 2023 and 2024 (CSV)"
    wants = ",".join(COLUMNS)
    example = (
        "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
        "2023-11-16 18:17:03.9799600,4808,10\r\n"
        "2023-11-16 18:17:04.0319600,3180,8\r\n"
        "2023-11-16 18:17:04.0781490,110,27"
    )

    def recognise(self, look: Look) -> str:
        """By its header."""
        return "its header is Azure's" if look.kind == "csv" and look.has(*COLUMNS) else ""

    def read(self, source: Source | Database, reading: Reading) -> Iterator[Item]:
        """All rows of the file."""
        clock = reading.clock("iso")

        def parse(record: Record) -> Request:
            stamp, inputs, outputs = record
            return Request(clock.ns(stamp), tokens(inputs, COLUMNS[1]), tokens(outputs, COLUMNS[2]))

        return each(source, [must(name) for name in COLUMNS], parse)
