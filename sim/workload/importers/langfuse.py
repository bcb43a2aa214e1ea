"""Langfuse's observations: from the API (camelCase), or exported to a bucket as JSONL or CSV (snake_case).

Source: Langfuse's API reference and its field reference of blob exports, whose stamps have no zone and
are UTC. Only generations are model calls; spans and events are refused with that reason. The counts of
``usage_details`` are disjoint: all whose name has "input" or "cache" add up to the input, all with
"output" to the output. ``latency`` and ``time_to_first_token`` are seconds. Input, output, users and
metadata are not kept. Langfuse has no status; level ERROR is a failure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sim.errors import BadRow
from sim.workload.importers.base import Item, Reading, Request, Who, each
from sim.workload.importers.clock import Clock
from sim.workload.importers.database import Database
from sim.workload.importers.fields import UNKNOWN, inner, mapping, micro_usd, span, text, tokens_or
from sim.workload.importers.look import Look
from sim.workload.importers.records import Record, may, must
from sim.workload.importers.source import Source

COLUMNS = {
    "start": must("start_time", "startTime"),
    "id": may("id"),
    "type": may("type"),
    "end": may("end_time", "endTime"),
    "first": may("completion_start_time", "completionStartTime"),
    "model": may("provided_model_name", "model"),
    "usage": may("usage_details", "usageDetails"),
    "legacy": may("usage"),
    "prompt": may("promptTokens", "usage.input"),
    "completion": may("completionTokens", "usage.output"),
    "cost": may("total_cost", "totalCost", "calculatedTotalCost", "calculated_total_cost", "costDetails.total"),
    "latency": may("latency"),
    "ttft": may("time_to_first_token", "timeToFirstToken"),
    "session": may("session_id", "sessionId"),
    "project": may("project_id", "projectId"),
    "environment": may("environment"),
    "tags": may("tags"),
    "level": may("level"),
}
_CALLS = ("", "GENERATION", "EMBEDDING")


class Langfuse:
    """One observation a row; those that are model calls are requests."""

    name = "langfuse"
    about = "Langfuse observations: API (JSON), blob export (JSONL, CSV)"
    wants = "start_time, usage_details and provided_model_name, or startTime, usageDetails and model"
    example = (
        '{"id": "o1", "trace_id": "t1", "type": "GENERATION", "start_time": "2026-11-16 18:17:03.979000", "end_time": '
        '"2026-11-16 18:17:08.100000", "provided_model_name": "claude-sonnet-4-5", "usage_details": {"input": 488, '
        '"input_cached_tokens": 512, "output": 210, "total": 1210}, "total_cost": 0.0046, "latency": 4.121, '
        '"time_to_first_token": 0.421, "user_id": "jo@example.com", "session_id": "s-1", "level": "DEFAULT", '
        '"environment": "checkout"}\n'
        '{"id": "o2", "trace_id": "t1", "type": "GENERATION", "start_time": "2026-11-16 18:17:09.000000", "end_time": '
        '"2026-11-16 18:17:09.300000", "provided_model_name": "claude-sonnet-4-5", "usage_details": {}, '
        '"total_cost": null, "latency": 0.3, "session_id": "s-1", "level": "ERROR", "environment": "checkout"}\n'
        '{"id": "o3", "trace_id": "t2", "type": "GENERATION", "start_time": "2026-11-16 18:17:09.500000", "end_time": '
        'null, "provided_model_name": "gpt-4.1", "usage_details": {"input": 30, "output": 5}, "session_id": null, '
        '"level": "DEFAULT", "environment": "search"}\n'
    )

    def recognise(self, look: Look) -> str:
        """By its columns or keys."""
        start, usage = look.any_of("start_time", "startTime"), look.any_of("usage_details", "usageDetails", "usage")
        trace = look.any_of("trace_id", "traceId")
        named = look.any_of("provided_model_name", "model") and not look.has("resourceSpans")
        return f"it has Langfuse's {start}, {trace} and {usage}" if start and usage and trace and named else ""

    def read(self, source: Source | Database, reading: Reading) -> Iterator[Item]:
        """All rows."""
        clock = reading.clock("iso")

        def parse(record: Record) -> Request:
            return _request(dict(zip(COLUMNS, record, strict=True)), clock)

        return each(source, tuple(COLUMNS.values()), parse, unwrap=("data",))


def _request(row: dict[str, Any], clock: Clock) -> Request:
    kind = text(row["type"]).upper()
    if kind not in _CALLS:
        raise BadRow("an observation that is no model call", value=kind[:20], hint="only generations are requests")
    start, end = clock.ns(row["start"]), clock.ns_or(row["end"])
    inputs, outputs, read, write = _usage(row)
    failed = text(row["level"]).upper() == "ERROR"
    return Request(
        start, inputs, outputs, read, write, _who(row), model=text(row["model"]).rpartition("/")[2],
        duration_ns=end - start if end >= start else span(row["latency"], "latency"),
        first_token_ns=_first(row, clock, start), status=UNKNOWN if failed else 200, failed=failed,
        session=text(row["session"]), cost=micro_usd(row["cost"], "total_cost"), identity=text(row["id"]),
    )  # fmt: skip


def _who(row: dict[str, Any]) -> Who:
    """An environment is named by people, a project by an id; "default" says nothing."""
    tags = [text(each) for each in inner(row["tags"]) or ()]
    environment = text(row["environment"])
    project = text(row["project"])
    team = "" if environment == "default" else environment
    return Who(team, project, tag=tags[0] if tags else "", names=tuple(tags[1:]))


def _first(row: dict[str, Any], clock: Clock, start: int) -> int:
    first = clock.ns_or(row["first"])
    return first - start if first >= start else span(row["ttft"], "time_to_first_token")


def _usage(row: dict[str, Any]) -> tuple[int, int, int, int]:
    """Input (all kinds), output, read from and written to the provider's cache."""
    counts = {str(name).lower(): tokens_or(value, str(name)[:40]) for name, value in mapping(row["usage"]).items()}
    if not counts:
        inputs, outputs = tokens_or(row["prompt"], "input"), tokens_or(row["completion"], "output")
        return inputs, outputs, 0, 0
    inputs = sum(
        value for name, value in counts.items() if "output" not in name and ("input" in name or "cache" in name)
    )
    outputs = sum(value for name, value in counts.items() if "output" in name)
    write = sum(value for name, value in counts.items() if "cach" in name and ("creat" in name or "write" in name))
    read = sum(value for name, value in counts.items() if "cach" in name and "output" not in name) - write
    return inputs, outputs, read, write
