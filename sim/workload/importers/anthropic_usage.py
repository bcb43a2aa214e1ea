"""Anthropic's usage report (Admin API, ``/v1/organizations/usage_report/messages``): sums by bucket of time.

Source: the Admin API's reference. A bucket (1 minute, 1 hour or 1 day) has a result for each group:
``uncached_input_tokens``, ``cache_read_input_tokens``, ``cache_creation``, ``output_tokens``. **There
is no count of requests**: see :mod:`sim.workload.importers.buckets`. Pages as the API gives them, an
array of pages, or one page or bucket a line. A workspace of null is the organization's default one;
then the key tells teams apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sim.errors import BadRow
from sim.workload.importers.base import Bucket, Item, Reading, Refused, Who, file_of
from sim.workload.importers.clock import Clock
from sim.workload.importers.database import Database
from sim.workload.importers.fields import UNKNOWN, mapping, text, tokens_or
from sim.workload.importers.json_values import Place, values
from sim.workload.importers.look import Look
from sim.workload.importers.source import Source

_GROUP = ("api_key_id", "workspace_id", "model", "service_tier", "context_window", "inference_geo", "speed")


class AnthropicUsage:
    """JSON with sums of tokens by bucket."""

    name = "anthropic-usage"
    about = "Anthropic's usage report of the Admin API (JSON)"
    wants = "JSON with starting_at, ending_at and results with uncached_input_tokens, output_tokens"
    example = """{"data": [
 {"starting_at": "2026-11-16T18:00:00Z", "ending_at": "2026-11-16T18:01:00Z", "results": [
  {"api_key_id": "apikey_01Rj2N8SVvo6BePZj99NhmiT", "workspace_id": "wrkspc_01JwQvzr7rXLA5AGx3HKfFUJ",
   "model": "claude-sonnet-4-5", "service_tier": "standard", "context_window": "0-200k", "uncached_input_tokens": 9000,
   "cache_read_input_tokens": 2000, "output_tokens": 700,
   "cache_creation": {"ephemeral_5m_input_tokens": 1000, "ephemeral_1h_input_tokens": 0}},
  {"api_key_id": null, "workspace_id": null, "model": "claude-haiku-4-5", "service_tier": "batch",
   "context_window": "\u2264200k", "uncached_input_tokens": 4000, "cache_read_input_tokens": 0, "output_tokens": 100}]},
 {"starting_at": "2026-11-16T18:01:00Z", "ending_at": "2026-11-16T18:02:00Z", "results": [
  {"workspace_id": "wrkspc_01JwQvzr7rXLA5AGx3HKfFUJ", "model": "claude-sonnet-4-5", "uncached_input_tokens": 1500,
   "cache_read_input_tokens": 0, "output_tokens": 90}]}], "has_more": false, "next_page": null}
"""

    def recognise(self, look: Look) -> str:
        """By its keys."""
        found = look.kind == "json" and look.has("starting_at", "uncached_input_tokens")
        return "its buckets have starting_at and uncached_input_tokens" if found else ""

    def read(self, source: Source | Database, reading: Reading) -> Iterator[Item]:
        """Every result of every bucket."""
        return of_buckets(file_of(source, self.name), reading.clock("iso"), ("starting_at", "ending_at"), _bucket)


def of_buckets(source: Source, clock: Clock, ends: tuple[str, str], parse: Any) -> Iterator[Item]:
    """``parse`` (start, width, result) for the results of each bucket; refused ones too."""
    for place, found in values(source, ("data",)):
        try:
            if isinstance(found, BadRow):
                raise found
            start, results = _frame(found, clock, ends)
        except BadRow as error:
            yield Refused(place, error)
            continue
        for at, result in enumerate(results):
            where: Place = f"{place}, results[{at}]"
            try:
                if not isinstance(result, dict):
                    raise BadRow("not a JSON object", hint="results of a bucket are objects")
                yield parse(*start, result)
            except BadRow as error:
                yield Refused(where, error)


def _frame(found: dict[str, Any], clock: Clock, ends: tuple[str, str]) -> tuple[tuple[int, int], list[Any]]:
    """Start and width of a bucket, and its results."""
    for name in ends:
        if found.get(name) in (None, ""):
            raise BadRow(
                f"no value for {name}", value=", ".join(map(str, found))[:60], hint="a bucket has a start and an end"
            )
    start, end = (clock.ns(found[name]) for name in ends)
    if end <= start:
        raise BadRow("the bucket ends before it starts", value=str(found[ends[1]])[:60], hint="an end after the start")
    results = found.get("results", found.get("result"))
    if not isinstance(results, list):
        raise BadRow("a bucket without results", value=", ".join(map(str, found))[:60], hint="results: […]")
    return (start, end - start), results


def _bucket(start: int, width: int, result: dict[str, Any]) -> Bucket:
    created = mapping(result.get("cache_creation"))
    read = tokens_or(result.get("cache_read_input_tokens"), "cache_read_input_tokens")
    write = sum(tokens_or(value, str(name)) for name, value in created.items())
    fresh = tokens_or(result.get("uncached_input_tokens"), "uncached_input_tokens")
    group = [text(result.get(name)) for name in _GROUP]
    return Bucket(
        start, width, UNKNOWN, fresh + read + write, tokens_or(result.get("output_tokens"), "output_tokens"),
        read, write, Who(project=group[1], key=group[0]), group[2], "anthropic", group[3],
        identity="/".join(("usage", str(start), str(width), *group)),
    )  # fmt: skip
