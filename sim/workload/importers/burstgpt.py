"""BurstGPT: CSV, ``Timestamp,[Session ID,Elapsed time,]Model,Request tokens,Response tokens,Total tokens,Log Type``.

Source: HPMLL/BurstGPT. Stamps are seconds since the trace's own zero, whole seconds in the newer
files; ``Elapsed time`` is seconds. Columns are read by name, as newer files have two more of them in
the middle. A response of 0 tokens is a failed request; its status is not known.
"""

from __future__ import annotations

from collections.abc import Iterator

from sim.workload.importers.base import Item, Reading, Request, Who, each
from sim.workload.importers.database import Database
from sim.workload.importers.fields import span, text, tokens
from sim.workload.importers.look import Look
from sim.workload.importers.records import Record, may, must
from sim.workload.importers.source import Source

NAMES = ("Timestamp", "Model", "Request tokens", "Response tokens", "Log Type")
COLUMNS = (*(must(name) for name in NAMES), may("Session ID"), may("Elapsed time"))


class BurstGPT:
    """CSV with one row a request."""

    name = "burstgpt"
    about = "BurstGPT's public traces (CSV)"
    wants = ",".join(NAMES)
    example = (
        "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
        "5,17,4.5,ChatGPT,472,18,490,Conversation log\n"
        "45,17,21,ChatGPT,1087,230,1317,Conversation log\n"
        "118,,,GPT-4,417,0,417,API log\n"
    )

    def recognise(self, look: Look) -> str:
        """By its header."""
        return "its header is BurstGPT's" if look.kind == "csv" and look.has(*NAMES) else ""

    def read(self, source: Source | Database, reading: Reading) -> Iterator[Item]:
        """All rows of the file."""
        clock = reading.clock("s")

        def parse(record: Record) -> Request:
            stamp, model, inputs, outputs, kind, session, elapsed = record
            made = tokens(outputs, "Response tokens")
            return Request(
                clock.ns(stamp), tokens(inputs, "Request tokens"), made, who=Who(tag=text(kind)),
                model=text(model), duration_ns=span(elapsed, "Elapsed time"), failed=made == 0, session=text(session),
            )  # fmt: skip

        return each(source, COLUMNS, parse)
