"""OpenAI's usage (Admin API, ``/v1/organization/usage/completions``): sums and counts by bucket of time.

Source: the API's reference. ``start_time`` and ``end_time`` are seconds since 1970; a result has
``input_tokens`` (cached ones included), ``input_cached_tokens``, ``output_tokens`` and
``num_model_requests``. So counts are known; instants and the sizes of single requests are made up.
Results with ``batch: true`` met no rate limit of the ordinary kind. Users are not kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sim.errors import BadRow
from sim.workload.importers.anthropic_usage import of_buckets
from sim.workload.importers.base import Bucket, Item, Reading, Who, file_of, part_of
from sim.workload.importers.database import Database
from sim.workload.importers.fields import decimal, text, tokens_or
from sim.workload.importers.look import Look
from sim.workload.importers.source import Source

_GROUP = ("project_id", "api_key_id", "user_id", "model", "batch", "service_tier")


class OpenAIUsage:
    """JSON with sums of tokens and counts of requests by bucket."""

    name = "openai-usage"
    about = "OpenAI's usage API (JSON)"
    wants = "JSON with start_time, end_time and results with num_model_requests, input_tokens, output_tokens"
    example = """{"object": "page", "data": [
 {"object": "bucket", "start_time": 1794852000, "end_time": 1794855600, "results": [
  {"object": "organization.usage.completions.result", "input_tokens": 9000, "output_tokens": 700,
   "input_cached_tokens": 4000, "num_model_requests": 5, "project_id": "proj_checkout", "user_id": "user-abc",
   "api_key_id": "key_BWmRkQnkTy8jgDOJ", "model": "gpt-4.1", "batch": false},
  {"object": "organization.usage.completions.result", "input_tokens": 100, "output_tokens": 10,
   "num_model_requests": 1, "project_id": null, "model": "gpt-4.1-mini", "batch": true}]},
 {"object": "bucket", "start_time": 1794855600, "end_time": 1794859200, "results": [
  {"input_tokens": 1200, "output_tokens": 60, "num_model_requests": 2, "project_id": "proj_search"}]}],
 "has_more": false, "next_page": null}
"""

    def recognise(self, look: Look) -> str:
        """By its keys."""
        found = look.kind == "json" and look.has("start_time", "end_time", "num_model_requests")
        return "its buckets have start_time and num_model_requests" if found else ""

    def read(self, source: Source | Database, reading: Reading) -> Iterator[Item]:
        """Every result of every bucket."""
        return of_buckets(file_of(source, self.name), reading.clock("s"), ("start_time", "end_time"), _bucket)


def _bucket(start: int, width: int, result: dict[str, Any]) -> Bucket:
    inputs = tokens_or(result.get("input_tokens"), "input_tokens")
    cached = part_of(tokens_or(result.get("input_cached_tokens"), "input_cached_tokens"), inputs, "cached")
    outputs, count = tokens_or(result.get("output_tokens"), "output_tokens"), _count(result)
    if not count and (inputs or outputs):
        raise BadRow("tokens without a request", value=f"{inputs} + {outputs}", hint="num_model_requests of 1 or more")
    group = [str(result.get(name)) if name == "batch" else text(result.get(name)) for name in _GROUP]
    return Bucket(
        start, width, count, inputs, outputs, cached, 0, Who(project=group[0], key=group[1]), group[3], "openai",
        "batch" if result.get("batch") is True else group[5],
        identity="/".join(("openai", str(start), str(width), *group)),
    )  # fmt: skip


def _count(result: dict[str, Any]) -> int:
    found = decimal(result.get("num_model_requests"))
    if found is None or not 0 <= found <= 10**9 or found != found.to_integral_value():
        shown = str(result.get("num_model_requests"))[:40]
        raise BadRow("num_model_requests is no count", value=shown, hint="a whole number, 0 or more")
    return int(found)
