"""HolySheep's audit log as CSV: one row a request.

Source: the HolySheep article on shared keys, which lists "timestamps, model used, token consumption,
cost, user agent, and project attribution" and writes the entries' own keys as the header; so the
names of the token columns are not documented, and the usual ones are understood. Where only a total
stands, a tenth of it is taken for output; such rows are marked as assumed. User agents are not kept.
"""

from __future__ import annotations

from collections.abc import Iterator

from sim.errors import BadRow
from sim.workload.importers.base import Item, Note, Reading, Request, Who, each, part_of
from sim.workload.importers.database import Database
from sim.workload.importers.fields import EMPTY, UNKNOWN, micro_usd, milliseconds, status, text, tokens, tokens_or
from sim.workload.importers.look import Look
from sim.workload.importers.records import Record, may, must
from sim.workload.importers.source import Source

TOTALS = ("token_consumption", "total_tokens", "tokens", "token_count")
INPUTS, OUTPUTS = ("input_tokens", "prompt_tokens", "tokens_in"), ("output_tokens", "completion_tokens", "tokens_out")
OUTPUT_SHARE = 10
"""One part in so many of a total is taken for output."""

COLUMNS = (
    must("timestamp"), must("project"), must("model"), may(*INPUTS), may(*OUTPUTS), may(*TOTALS),
    may("cached_tokens", "cached_input_tokens"), may("cost_usd", "cost"), may("status", "status_code"),
    may("latency_ms"), may("request_id", "id"), may("key_id", "api_key", "key"),
)  # fmt: skip


class HolySheep:
    """CSV with one row a request."""

    name = "holysheep"
    about = "HolySheep's audit log (CSV)"
    wants = "timestamp, project, model, cost_usd and token counts"
    example = (
        "timestamp,project,model,token_consumption,cost_usd,user_agent\n"
        "2026-04-01T00:00:03Z,production-v2,claude-sonnet-4-5,1200,0.0180,python-httpx/0.27\n"
        '2026-04-01T00:00:04Z,search,claude-sonnet-4-5,90,0.0014,"Mozilla/5.0 (X11, Linux)"\n'
        "2026-04-01T00:00:09Z,production-v2,deepseek-v3.2,4400,0.0018,curl/8\n"
    )

    def recognise(self, look: Look) -> str:
        """By its columns."""
        tokens_in = look.any_of(*TOTALS, *INPUTS)
        found = look.has("timestamp", "project", "model", "cost_usd") and tokens_in
        return f"it has timestamp, project, model, cost_usd and {tokens_in}" if found else ""

    def read(self, source: Source | Database, reading: Reading) -> Iterator[Item]:
        """All rows of the file."""
        clock, totals = reading.clock(), 0

        def parse(record: Record) -> Request:
            stamp, project, model, *counts = record[:7]
            cost, code, latency, identity, key = record[7:]
            inputs, outputs, assumed = _sizes(counts)
            cached = part_of(tokens_or(counts[3], "cached_tokens"), inputs, "cached")
            found = status(code)
            return Request(
                clock.ns(stamp), inputs, outputs, cached, who=Who(project=text(project), key=text(key)),
                model=text(model), duration_ns=milliseconds(latency, "latency_ms"), status=found,
                failed=None if found == UNKNOWN else found >= 400, cost=micro_usd(cost, "cost_usd"),
                identity=text(identity), assumed=assumed,
            )  # fmt: skip

        for item in each(source, COLUMNS, parse, unwrap=("data",)):
            totals += isinstance(item, Request) and item.assumed
            yield item
        if totals:
            yield Note(f"{totals:,} rows of {source.shown} have total tokens only: a tenth is taken for output")


def _sizes(counts: list[object]) -> tuple[int, int, bool]:
    """Input, output, and whether they are assumed from a total."""
    inputs, outputs, total = counts[:3]
    if inputs not in EMPTY and outputs not in EMPTY:
        return tokens(inputs, "input tokens"), tokens(outputs, "output tokens"), False
    if total in EMPTY:
        raise BadRow("no token counts", hint="input_tokens and output_tokens, or token_consumption")
    whole = tokens(total, "token_consumption")
    made = whole // OUTPUT_SHARE
    return whole - made, made, True
