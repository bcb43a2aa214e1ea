"""How fast logs are read, and in how much memory: ``keystorm import`` of made logs of three formats.

Each is measured in a process of its own, ``python -m tests.benchmarks.imports FORMAT ROWS``, whose peak of
memory is then that import's. The rows are made, with teams, keys, a rhythm of the day, 429s,
duplicates and rows out of order.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sim.study.importing.options import Options
from sim.study.importing.run import import_logs
from sim.study.progress import Silent
from tests.benchmarks.pages import Section, Target

FORMATS = ("azure", "litellm", "otel")
TEAMS = (
    "checkout",
    "search",
    "analytics",
    "support",
    "growth",
    "fraud",
    "content",
    "mobile",
    "billing",
    "ops",
    "ml",
    "lab",
)
MEGABYTE = 1 << 20
BLOCK = 100_000
START = 1_793_577_600  # 2 November 2026, a Monday
DAYS = 14


def blocks(rows: int) -> Iterator[dict[str, list[Any]]]:
    """Columns of at most :data:`BLOCK` rows each, in order of time but for a few rows."""
    for number, first in enumerate(range(0, rows, BLOCK)):
        draws, count = np.random.default_rng([7, number]), min(BLOCK, rows - first)
        at = START + DAYS * 86_400 * (first + np.arange(count) + 3 * draws.random(count)) / rows
        at += 9_000 * np.sin(at / 86_400 * 2 * np.pi)  # a rhythm of the day
        team = np.minimum(draws.geometric(0.3, count) - 1, len(TEAMS) - 1)
        yield {
            "at": at.tolist(), "team": team.tolist(),
            "input": np.exp(draws.normal(7, 1, count)).astype(int).tolist(),
            "output": np.exp(draws.normal(4.5, 0.9, count)).astype(int).tolist(),
            "took": draws.gamma(2, 2, count).tolist(),
            "refused": ((team == 2) & (draws.random(count) < 0.15)).tolist(),
            "number": list(range(first, first + count)),
        }  # fmt: skip


def _stamp(at: float) -> str:
    return str(np.datetime64(int(at * 1000), "ms")).replace("T", " ")


def azure(block: dict[str, list[Any]]) -> Iterator[str]:
    """The columns of Azure's traces."""
    for at, inputs, outputs in zip(block["at"], block["input"], block["output"], strict=True):
        yield f"{_stamp(at)},{inputs},{outputs}\n"


def litellm(block: dict[str, list[Any]]) -> Iterator[str]:
    """LiteLLM's spend logs as CSV: one row in a thousand twice."""
    names = ("at", "team", "input", "output", "took", "refused", "number")
    for at, team, inputs, outputs, took, refused, number in zip(*(block[name] for name in names), strict=True):
        told = '"{""error_information"": {""error_code"": ""429"", ""error_class"": ""RateLimitError""}}"'
        meta = told if refused else '"{""user_api_key_alias"": ""prod""}"'
        sizes = "0,0,0,0" if refused else f"{inputs * 3e-6 + outputs * 15e-6:.6f},{inputs + outputs},{inputs},{outputs}"
        ends = f"{_stamp(at)},{_stamp(at + took)},{_stamp(at + took / 4)}"
        status = "failure" if refused else "success"
        own = number - 999 if number % 1000 == 999 else number
        yield (
            f"chatcmpl-{own},acompletion,hash-{team},{sizes},{ends},"
            f"anthropic/claude-sonnet-4-5,{TEAMS[team]},{meta},False,[],session-{number // 7},{status}\n"
        )


LITELLM_HEAD = (
    "request_id,call_type,api_key,spend,total_tokens,prompt_tokens,completion_tokens,startTime,endTime,"
    "completionStartTime,model,team_id,metadata,cache_hit,request_tags,session_id,status\n"
)


def otel(block: dict[str, list[Any]]) -> Iterator[str]:
    """A span a line."""
    for at, team, inputs, outputs, took, number in zip(
        *(block[name] for name in ("at", "team", "input", "output", "took", "number")), strict=True
    ):
        attributes = [
            {"key": "gen_ai.request.model", "value": {"stringValue": "claude-sonnet-4-5"}},
            {"key": "gen_ai.usage.input_tokens", "value": {"intValue": str(inputs)}},
            {"key": "gen_ai.usage.output_tokens", "value": {"intValue": str(outputs)}},
        ]
        span = {"traceId": f"{number:032x}", "spanId": f"{number:016x}", "startTimeUnixNano": str(int(at * 1e9)),
                "endTimeUnixNano": str(int((at + took) * 1e9)), "attributes": attributes}  # fmt: skip
        name = [{"key": "service.name", "value": {"stringValue": TEAMS[team]}}]
        group = {"resource": {"attributes": name}, "scopeSpans": [{"spans": [span]}]}
        yield json.dumps({"resourceSpans": [group]}) + "\n"


HEADS = {"azure": "TIMESTAMP,ContextTokens,GeneratedTokens\n", "litellm": LITELLM_HEAD, "otel": ""}
ROWS = {"azure": azure, "litellm": litellm, "otel": otel}


def write_log(path: Path, kind: str, rows: int) -> None:
    """A made log."""
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADS[kind])
        for block in blocks(rows):
            file.writelines(ROWS[kind](block))


def measured(kind: str, rows: int) -> dict[str, Any]:
    """Import a made log in this process: seconds, megabytes at most, and what was read."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        write_log(log, kind, rows)
        before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        summary = import_logs([str(log)], Options(), Path(folder) / "out", Silent()).summary
        took, peak = time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if summary["rows_read"] != rows or summary["rows_kept"] + summary["rows_rejected"] != rows:
            raise SystemExit(f"{kind}: {summary['rows_read']:,} rows read of {rows:,}")
        size = log.stat().st_size / MEGABYTE
        return {"seconds": took, "before_mb": before / 1024, "peak_mb": peak / 1024, "log_mb": size,
                "kept": summary["rows_kept"], "out_of_order": summary["out_of_order"]}  # fmt: skip


def apart(kind: str, rows: int) -> dict[str, Any]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.imports", kind, str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def imports(largest: float) -> Section:
    """Rows a second by format at a million rows, and a large LiteLLM log for the memory."""
    many = int(largest)
    cases = [(kind, 1_000_000) for kind in FORMATS] + ([("litellm", many)] if many > 1_000_000 else [])
    found = [(kind, rows, apart(kind, rows)) for kind, rows in cases]
    rows = [
        (kind, f"{count:,}", f"{one['log_mb']:,.0f}", f"{one['seconds']:,.1f}", f"{count / one['seconds']:,.0f}",
         f"{one['peak_mb']:,.0f}")
        for kind, count, one in found
    ]  # fmt: skip
    slowest = min(count / one["seconds"] for _, count, one in found)
    targets = [
        Target("rows a second of the slowest format", slowest, 20_000, "rows/s"),
        Target(f"memory for {found[-1][1]:,} rows", found[-1][2]["peak_mb"], 700, "MB", most=True),
    ]
    intro = (
        "`keystorm import` of made logs, with the sorted Parquet log and the whole profile; seconds of the processor. "
        "Memory is the peak of the process."
    )
    return Section("Imports", intro, ("format", "rows", "log, MB", "s", "rows/s", "peak, MB"), rows, targets)


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], int(sys.argv[2]))))
