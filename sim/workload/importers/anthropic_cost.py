"""Anthropic's cost report (Admin API, ``/v1/organizations/cost_report``): a bill, to compare with.

Source: the Admin API's reference. ``amount`` is a decimal text in **cents**: "123.45" is $1.2345. It
has no requests; imported beside a usage report or a request log it gives the recorded cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sim.errors import BadRow
from sim.workload.importers.anthropic_usage import of_buckets
from sim.workload.importers.base import Charge, Item, Reading, Who, file_of
from sim.workload.importers.database import Database
from sim.workload.importers.fields import UNKNOWN, micro_usd, text
from sim.workload.importers.look import Look
from sim.workload.importers.source import Source

CENTS = 100
_GROUP = ("workspace_id", "description", "cost_type", "model", "service_tier", "token_type", "context_window")


class AnthropicCost:
    """JSON with sums of money by day."""

    name = "anthropic-cost"
    about = "Anthropic's cost report of the Admin API (JSON): a bill to compare with, no requests"
    wants = "JSON with starting_at, ending_at and results with amount, currency"
    example = """{"data": [{"starting_at": "2026-11-16T00:00:00Z", "ending_at": "2026-11-17T00:00:00Z", "results": [
  {"currency": "USD", "amount": "123.45", "workspace_id": "wrkspc_01JwQvzr7rXLA5AGx3HKfFUJ", "cost_type": "tokens",
   "model": "claude-sonnet-4-5", "token_type": "output_tokens", "description": "Claude Sonnet 4.5 Usage - Output"},
  {"currency": "USD", "amount": "0.5", "workspace_id": null, "cost_type": "web_search", "model": null},
  {"currency": "USD", "amount": "0", "workspace_id": null, "cost_type": "tokens", "model": "claude-haiku-4-5"}]}],
 "has_more": false, "next_page": null}
"""

    def recognise(self, look: Look) -> str:
        """By its keys."""
        found = look.kind == "json" and look.has("starting_at", "amount", "currency")
        return "its buckets have starting_at, amount and currency" if found else ""

    def read(self, source: Source | Database, reading: Reading) -> Iterator[Item]:
        """Every result of every day."""
        return of_buckets(file_of(source, self.name), reading.clock("iso"), ("starting_at", "ending_at"), _charge)


def _charge(start: int, width: int, result: dict[str, Any]) -> Charge:
    if text(result.get("currency")) not in ("", "USD"):
        raise BadRow("not US dollars", value=text(result["currency"])[:10], hint="amounts in USD")
    amount = micro_usd(result.get("amount"), "amount", CENTS)
    if amount == UNKNOWN:
        raise BadRow("no value for amount", hint="a decimal number of cents")
    group = [text(result.get(name)) for name in _GROUP]
    return Charge(start, width, amount, Who(project=group[0]), group[3], "/".join(("cost", str(start), *group)))
