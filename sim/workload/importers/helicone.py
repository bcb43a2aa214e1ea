"""Helicone's requests: rows of ``request_response_rmt`` or of the query API, as CSV, JSON or JSONL.

Source: Helicone's schema and API reference. ``latency`` (``delay_ms``) and ``time_to_first_token`` are
milliseconds. ``cost`` is dollars where it has a fraction; in the table it is a whole number of
billionths of a dollar, so whole numbers are read as those. The team is the property that is called
team, service, app, project or environment (in any case, with or without "Helicone-"). Users, bodies
and addresses are not kept; status -1 is a request that never came back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sim.workload.importers.base import Item, Reading, Request, Who, each
from sim.workload.importers.clock import Clock
from sim.workload.importers.database import Database
from sim.workload.importers.fields import (
    UNKNOWN,
    decimal,
    flag,
    mapping,
    micro_usd,
    milliseconds,
    status,
    text,
    tokens_or,
)  # fmt: skip
from sim.workload.importers.look import Look
from sim.workload.importers.records import Record, may, must
from sim.workload.importers.source import Source

NANO = 10**9
TEAM_PROPERTIES = ("team", "service", "app", "project", "environment")
COLUMNS = {
    "created": must("request_created_at"),
    "id": may("request_id"),
    "model": may("request_model", "model", "response_model"),
    "status": may("status", "response_status"),
    "cost": may("cost", "costUSD", "cost_usd"),
    "prompt": may("prompt_tokens"),
    "completion": may("completion_tokens"),
    "read": may("prompt_cache_read_tokens"),
    "write": may("prompt_cache_write_tokens"),
    "latency": may("latency", "delay_ms"),
    "ttft": may("time_to_first_token"),
    "properties": may("properties", "request_properties"),
    "session": may("session_id", "properties.Helicone-Session-Id"),
    "provider": may("provider"),
    "key": may("proxy_key_id"),
    "organization": may("organization_id"),
    "cached": may("cache_enabled_hit", "cache_hit"),
}


class Helicone:
    """One row a request."""

    name = "helicone"
    about = "Helicone requests: table export or query API (CSV, JSON, JSONL)"
    wants = "request_created_at, request_model, status, prompt_tokens, completion_tokens"
    example = (
        "request_id,request_created_at,request_model,status,user_id,cost,prompt_tokens,completion_tokens,latency,"
        "time_to_first_token,properties\n"
        "7f1c,2026-11-16 18:17:03.979,claude-sonnet-4-5,200,jo@example.com,0.0046,1000,210,4121,421,"
        '"{""Team"": ""checkout"", ""Helicone-Session-Id"": ""s-1""}"\n'
        "7f1d,2026-11-16 18:17:05.000,claude-sonnet-4-5,429,,0,0,0,90,,\"{'team': 'search'}\"\n"
        "7f1e,2026-11-16 18:17:06.250,gpt-4.1,200,,4600000,700,30,900,,{}\n"
    )

    def recognise(self, look: Look) -> str:
        """By its columns or keys."""
        found = look.has("request_created_at") and look.any_of("request_model", "response_status", "prompt_tokens")
        return f"it has Helicone's request_created_at and {found}" if found else ""

    def read(self, source: Source | Database, reading: Reading) -> Iterator[Item]:
        """All rows."""
        clock = reading.clock("iso")

        def parse(record: Record) -> Request:
            return _request(dict(zip(COLUMNS, record, strict=True)), clock)

        return each(source, tuple(COLUMNS.values()), parse, unwrap=("data",))


def _request(row: dict[str, Any], clock: Clock) -> Request:
    told = {str(name).lower().removeprefix("helicone-"): value for name, value in mapping(row["properties"]).items()}
    inputs, code = tokens_or(row["prompt"], "prompt_tokens"), status(row["status"])
    read = tokens_or(row["read"], "prompt_cache_read_tokens")
    write = tokens_or(row["write"], "prompt_cache_write_tokens")
    return Request(
        clock.ns(row["created"]), inputs if read + write <= inputs else inputs + read + write,
        tokens_or(row["completion"], "completion_tokens"), read, write, _who(row, told), text(row["model"]),
        text(row["provider"]).lower(), milliseconds(row["latency"], "latency"),
        milliseconds(row["ttft"], "time_to_first_token"), code, _failed(row, code),
        session=text(row["session"]) or text(told.get("session-id")), cost=_cost(row["cost"]),
        cached=flag(row["cached"]), identity=text(row["id"]),
    )  # fmt: skip


def _failed(row: dict[str, Any], code: int) -> bool | None:
    """By the status; a negative one is a request that never came back."""
    if code != UNKNOWN:
        return code >= 400
    word = text(row["status"])
    return True if word.startswith("-") else None


def _who(row: dict[str, Any], told: dict[str, Any]) -> Who:
    named = [text(told[name]) for name in TEAM_PROPERTIES if text(told.get(name))]
    return Who(named[0] if named else "", key=text(row["key"]), names=(*named[1:], text(row["organization"])))


def _cost(value: Any) -> int:
    found = decimal(value)
    whole = found is not None and found == found.to_integral_value() and "." not in str(value)
    return micro_usd(value, "cost", NANO if whole else 1)
