"""``GET /v1/audit/logs`` and the journal: questions to the log, answered row by row.

The log is read from its file, so it may be as long as it likes; a page of JSON has a bound, CSV and
JSON lines are streamed.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sim.emulator.journal import Row, rows
from sim.errors import BadInput
from sim.results.columns import ATTEMPTS
from sim.units import MICRO, SECOND

COLUMNS = (
    "timestamp", "request_id", "account", "project", "key", "team", "model", "api", "status", "refused_by",
    "attempt", "input_tokens", "cached_tokens", "output_tokens", "total_tokens", "cost_usd", "latency_ms",
    "stream", "fault", "user_agent",
)  # fmt: skip
PAGE, LARGEST_PAGE = 100, 10_000
_NAMES = ("project", "account", "key", "team", "model", "api", "user_agent")
KNOWN = (*_NAMES, "from", "to", "min_cost", "max_cost", "status", "limit", "after", "format")


@dataclass(frozen=True)
class Question:
    """Which rows are wanted. Dates in unix ns, ``to_ns`` excluded; costs in micro-dollars."""

    names: Mapping[str, str]
    from_ns: int = 0
    to_ns: int = 1 << 63
    least: int = 0
    most: int = 1 << 63
    statuses: frozenset[int] = frozenset()
    limit: int = PAGE
    after: str = ""
    form: str = "json"

    def takes(self, row: Row) -> bool:
        """Whether a row is wanted."""
        return (
            self.from_ns <= row.date_ns < self.to_ns
            and self.least <= row.cost_microusd <= self.most
            and (not self.statuses or row.status in self.statuses)
            and all(_matches(row, name, value) for name, value in self.names.items())
        )


def _matches(row: Row, name: str, value: str) -> bool:
    if name == "project":
        return value in (row.project, f"{row.account}/{row.project}")
    return bool(getattr(row, name) == value)


def question(given: Mapping[str, str]) -> Question:
    """Reads a query string. Raises BadInput with every problem."""
    problems: list[str] = [
        f"no such filter {name!r} (one of {', '.join(KNOWN)})" for name in given if name not in KNOWN
    ]

    def take(name: str, read: Any, default: Any) -> Any:
        if name not in given:
            return default
        try:
            return read(given[name])
        except (ValueError, OverflowError):
            problems.append(f"{name} is {given[name]!r}: {_RIGHT[name]}")
            return default

    found = Question(
        {name: given[name] for name in _NAMES if name in given},
        take("from", _start, 0), take("to", _end, 1 << 63),
        take("min_cost", _dollars, 0), take("max_cost", _dollars, 1 << 63),
        take("status", lambda text: frozenset(int(one) for one in text.split(",")), frozenset()),
        take("limit", _limit, PAGE), given.get("after", ""), take("format", _form, "json"),
    )  # fmt: skip
    if problems:
        raise BadInput("the query can't be read", value="; ".join(problems))
    return found


_RIGHT = {
    **dict.fromkeys(("from", "to"), "a date as 2026-11-25 or a time as 2026-11-25T09:30:00Z"),
    **dict.fromkeys(("min_cost", "max_cost"), "dollars as 0.05"),
    "status": "statuses as 429 or 429,529", "limit": f"from 1 to {LARGEST_PAGE}", "format": "json or csv",
}  # fmt: skip


def _date(text: str) -> datetime:
    date = datetime.fromisoformat(text)
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _start(text: str) -> int:
    return int(_date(text).timestamp() * SECOND)


def _end(text: str) -> int:
    """A plain date ends with its day, as people mean it."""
    return _start(text) + (86_400 * SECOND if len(text) == 10 else 0)


def _dollars(text: str) -> int:
    return round(float(text) * MICRO)


def _limit(text: str) -> int:
    number = int(text)
    if not 1 <= number <= LARGEST_PAGE:
        raise ValueError(text)
    return number


def _form(text: str) -> str:
    if text not in ("json", "csv"):
        raise ValueError(text)
    return text


def shown(row: Row) -> dict[str, Any]:
    """A row as the audit log tells it."""
    date = datetime.fromtimestamp(row.date_ns // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    sent = row.input_tokens + row.cached_tokens
    said = {
        **row._asdict(), "timestamp": f"{date}.{row.date_ns % SECOND // 1_000_000:03d}Z",
        "request_id": f"req_{row.request_id}", "total_tokens": sent + row.output_tokens,
        "input_tokens": sent, "cost_usd": row.cost_microusd / MICRO,
        "latency_ms": max(0, row.end_ns - row.at_ns) // 1_000_000, "stream": bool(row.stream),
    }  # fmt: skip
    return {name: said[name] for name in COLUMNS}


def wanted(path: Path, asked: Question) -> Iterator[Row]:
    """The rows that are wanted, in the order of their answers, from behind ``after`` on."""
    passed = not asked.after
    for row in rows(path):
        if not passed:
            passed = f"req_{row.request_id}" == asked.after
        elif asked.takes(row):
            yield row


def page(path: Path, asked: Question) -> dict[str, Any]:
    """One page: ``{"data": [...], "has_more": …, "last_id": …}``; the next one has ``after=last_id``."""
    data: list[dict[str, Any]] = []
    more = False
    for row in wanted(path, asked):
        if len(data) == asked.limit:
            more = True
            break
        data.append(shown(row))
    return {"data": data, "has_more": more, "last_id": data[-1]["request_id"] if data else None}


def csv_of(path: Path, asked: Question) -> Iterator[str]:
    """All rows that are wanted as CSV, a few hundred lines at a time."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for at, row in enumerate(wanted(path, asked)):
        writer.writerow({name: _safe(value) for name, value in _plain(shown(row)).items()})
        if at % 500 == 499:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def _plain(said: dict[str, Any]) -> dict[str, Any]:
    """Costs without an exponent, flags as words."""
    return {**said, "cost_usd": f"{said['cost_usd']:.6f}", "stream": str(said["stream"]).lower()}


def _safe(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula gets an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def attempts(path: Path, configuration: str) -> Iterator[str]:
    """The calls for messages as lines of JSON with the columns of the ``attempts`` table."""
    for row in rows(path):
        if row.api in ("messages", "chat"):
            said = {"configuration": configuration, "replication": 0, **row._asdict()}
            yield json.dumps({column.name: said[column.name] for column in ATTEMPTS}) + "\n"
