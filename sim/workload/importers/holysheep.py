"""HolySheep's audit log as CSV: one row a request.

Source: the HolySheep article on shared keys, which lists "timestamps, model used, token consumption,
cost, user agent, and project attribution" and writes the entries' own keys as the header; so the
names of the token columns are not documented, and the usual ones are understood. Where only a total
stands, a tenth of it is taken for output; such rows are marked as assumed. User agents are not kept.

keystorm's own audit log (``sim.results.audit``) opens with the same columns and is read too: a row there
is an attempt, ids are shared by the attempts of a request, and ``input_tokens`` leaves cached input out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sim.errors import BadRow
from sim.workload.importers.base import Item, Note, Reading, Request, Who, each, part_of
from sim.workload.importers.clock import Clock
from sim.workload.importers.database import Database
from sim.workload.importers.fields import EMPTY, UNKNOWN, micro_usd, milliseconds, status, text, tokens, tokens_or
from sim.workload.importers.look import Look
from sim.workload.importers.records import Record, may, must
from sim.workload.importers.source import Source

TOTALS = ("token_consumption", "total_tokens", "tokens", "token_count")
INPUTS, OUTPUTS = ("input_tokens", "prompt_tokens", "tokens_in"), ("output_tokens", "completion_tokens", "tokens_out")
OUTPUT_SHARE = 10
"""One part in so many of a total is taken for output."""

_NAMED = {
    "timestamp": must("timestamp"), "project": must("project"), "model": must("model"), "input": may(*INPUTS),
    "output": may(*OUTPUTS), "total": may(*TOTALS), "cached": may("cached_tokens", "cached_input_tokens"),
    "cost": may("cost_usd", "cost"), "status": may("status", "status_code"), "latency": may("latency_ms"),
    "id": may("request_id", "id"), "key": may("key_id", "api_key", "key", "key_fingerprint"), "team": may("team"),
    "attempt": may("attempt"), "configuration": may("configuration"), "replication": may("replication"),
    "ended": may("ended_at"),
}  # fmt: skip
_NAMES, COLUMNS = tuple(_NAMED), tuple(_NAMED.values())


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
        clock, totals, runs = reading.clock(), 0, set[str]()

        def parse(record: Record) -> Request:
            row = dict(zip(_NAMES, record, strict=True))
            runs.add(f"{text(row['configuration'])}/{text(row['replication'])}")
            return _request(row, clock)

        for item in each(source, COLUMNS, parse, unwrap=("data",)):
            totals += isinstance(item, Request) and item.assumed
            yield item
        if totals:
            yield Note(f"{totals:,} rows of {source.shown} have total tokens only: a tenth is taken for output")
        if len(runs) > 1:
            yield Note(f"{source.shown} mixes {len(runs):,} simulated runs (configurations and replications)")


def _request(row: dict[str, Any], clock: Clock) -> Request:
    inputs, outputs, assumed = _sizes(row)
    cached, simulated = tokens_or(row["cached"], "cached_tokens"), row["attempt"] not in EMPTY
    inputs += cached if simulated else 0
    start, code = clock.ns(row["timestamp"]), status(row["status"])
    end = clock.ns_or(row["ended"])
    identity = text(row["id"])
    if simulated:
        identity = "/".join(text(row[name]) for name in ("configuration", "replication", "id", "attempt"))
    return Request(
        start, inputs, outputs, part_of(cached, inputs, "cached"),
        who=Who(text(row["team"]), text(row["project"]), text(row["key"])), model=text(row["model"]),
        duration_ns=end - start if end >= start else milliseconds(row["latency"], "latency_ms"), status=code,
        failed=None if code == UNKNOWN else code >= 400, cost=micro_usd(row["cost"], "cost_usd"), identity=identity,
        assumed=assumed,
    )  # fmt: skip


def _sizes(row: dict[str, Any]) -> tuple[int, int, bool]:
    """Input, output, and whether they are assumed from a total."""
    inputs, outputs, total = row["input"], row["output"], row["total"]
    if inputs not in EMPTY and outputs not in EMPTY:
        return tokens(inputs, "input tokens"), tokens(outputs, "output tokens"), False
    if total in EMPTY:
        raise BadRow("no token counts", hint="input_tokens and output_tokens, or token_consumption")
    whole = tokens(total, "token_consumption")
    made = whole // OUTPUT_SHARE
    return whole - made, made, True
