"""The usage CSV of Anthropic's Console: sums by day, model, key and workspace.

Columns as a third party documents them: ``usage_date_utc, model_version, api_key, workspace,
usage_type, context_window, usage_input_tokens_no_cache, usage_input_tokens_cache_write_5m,
usage_input_tokens_cache_write_1h, usage_input_tokens_cache_read, usage_output_tokens,
web_search_count, inference_geo, speed``. Context windows are written with "≤"; they are not used.
``api_key`` is the key's name. Days are UTC. There is no count of requests and nothing finer than a
day: when in the day requests came is made up.
"""

from __future__ import annotations

from collections.abc import Iterator

from sim.units import DAY
from sim.workload.importers.base import Bucket, Item, Reading, Who, each
from sim.workload.importers.clock import Clock
from sim.workload.importers.database import Database
from sim.workload.importers.fields import UNKNOWN, text, tokens_or
from sim.workload.importers.look import Look
from sim.workload.importers.records import Record, may, must
from sim.workload.importers.source import Source

NEEDED = ("usage_date_utc", "model_version", "usage_input_tokens_no_cache", "usage_output_tokens")
SUMS = ("usage_input_tokens_no_cache", "usage_input_tokens_cache_write_5m", "usage_input_tokens_cache_write_1h",
        "usage_input_tokens_cache_read", "usage_output_tokens")  # fmt: skip
GROUP = ("model_version", "api_key", "workspace", "usage_type", "context_window", "inference_geo", "speed")
_COLUMNS = [must(name) if name in NEEDED else may(name) for name in ("usage_date_utc", *GROUP, *SUMS)]
_DEFAULT = ("", "default", "default workspace")


class AnthropicConsole:
    """CSV with sums of tokens by day."""

    name = "anthropic-console"
    about = "the usage CSV of Anthropic's Console"
    wants = ",".join(NEEDED)
    example = (
        "usage_date_utc,model_version,api_key,workspace,usage_type,context_window,usage_input_tokens_no_cache,"
        "usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,"
        "usage_output_tokens,web_search_count,inference_geo,speed\r\n"
        "2026-11-15,claude-sonnet-4-5,checkout-prod,Storefront,message,\u2264 200k,12000,1000,0,3000,900,0,global,\r\n"
        "2026-11-15,claude-haiku-4-5,batch,Default,message_batch,\u2264 200k,5000,0,0,0,80,0,global,standard\r\n"
        "2026-11-16,claude-sonnet-4-5,checkout-prod,Storefront,message,> 200k,8000,0,0,0,500,2,us,standard"
    )

    def recognise(self, look: Look) -> str:
        """By its header."""
        return "its header is that of the Console's usage export" if look.kind == "csv" and look.has(*NEEDED) else ""

    def read(self, source: Source | Database, reading: Reading) -> Iterator[Item]:
        """All rows of the file."""
        clock = Clock("iso")  # the column says that days are UTC

        def parse(record: Record) -> Bucket:
            day, *others = record
            group = [text(value) for value in others[: len(GROUP)]]
            return _bucket(clock.ns(f"{text(day)[:10]}T00:00"), group, others[len(GROUP) :])

        return each(source, _COLUMNS, parse)


def _bucket(start: int, group: list[str], sums: list[object]) -> Bucket:
    model, key, workspace, kind = group[:4]
    fresh, write_5m, write_1h, read, output = (tokens_or(value, name) for value, name in zip(sums, SUMS, strict=True))
    return Bucket(
        start, DAY, UNKNOWN, fresh + write_5m + write_1h + read, output, read, write_5m + write_1h,
        Who(project="" if workspace.lower() in _DEFAULT else workspace, key=key, key_name=key), model, "anthropic",
        "batch" if "batch" in kind.lower() else "", identity="/".join(("console", str(start), *group)),
    )  # fmt: skip
