"""The audit log: one row for every attempt, as a gateway with audit logs keeps it.

The first columns are those of the HolySheep audit export (its article on shared Claude API keys):
timestamp, project, model, token consumption, cost in dollars, user agent. Everything that a report
says about money and refusals can be added up from this table alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.results.columns import STATUS_CONNECTION, STATUS_NONE, STATUS_OK, STATUS_TIMEOUT, Column
from sim.units import MICRO

if TYPE_CHECKING:
    import pandas as pd

PARQUET_FILE, CSV_FILE = "audit.parquet", "audit.csv"
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

AUDIT = (
    Column("timestamp", "time", "when the attempt reached the provider, RFC 3339 in UTC, from the scenario's `start`"),
    Column("project", "category", "the project of the key; the account's name where it has a single project"),
    Column("model", "category", "the model asked for"),
    Column("token_consumption", "int64", "tokens billed: input, cached input and output; 0 where nothing was billed"),
    Column("cost_usd", "float64", "what it was billed, US dollars"),
    Column("user_agent", "category", "of the team's client (from its retry preset), or the fault that sent it"),
    Column("configuration", "category", "the arrangement of keys"),
    Column("replication", "int32", "0-based"),
    Column("account", "category", "the account of the key"),
    Column("key_fingerprint", "category", "made from the names of account, project and key; there is no secret"),
    Column("team", "category", "who sent it. A real log knows it only where a key or a project has one team"),
    Column("request_id", "text", "req-REPLICATION-REQUEST; attempts of one request share it"),
    Column("attempt", "int32", "0-based"),
    Column("input_tokens", "int64", "uncached input billed"),
    Column("cached_tokens", "int64", "cached input billed"),
    Column("output_tokens", "int64", "output billed"),
    Column("cost_microusd", "int64", "the exact cost, millionths of a dollar"),
    Column("outcome", "category", "one of the words below"),
    Column("status", "int16", "the HTTP status; 499 client timeout, 0 connection error, -1 the run ended first"),
    Column("refused_by", "category", "the limit, cap or fault that refused it; empty if nothing"),
    Column("ended_at", "time", "when the client had the answer; spend is booked then; empty if the run ended first"),
    Column("expires_at", "time", "timestamp + `audit: {retention: …}` (90 days): the log need not have it longer"),
)

OUTCOMES = (
    "succeeded", "unfinished", "budget_exceeded", "rate_limited", "server_error", "client_timeout",
    "connection_error", "rejected",
)  # fmt: skip
"""Words of the column ``outcome``; ``rejected`` is any other refusal (400, 401, 403)."""


@dataclass(frozen=True)
class Facts:
    """What the two result tables don't say.

    ``start_ns`` is the scenario's time 0 in ns since 1970, ``keys`` the (account, project) of each
    key by its name, ``agents`` the user agent by (configuration, team).
    """

    start_ns: int
    retention_ns: int
    keys: Mapping[str, tuple[str, str]]
    agents: Mapping[tuple[str, str], str]


def fingerprint(key: str) -> str:
    """A stable name for a key that has no secret."""
    return "key_" + hashlib.sha256(key.encode()).hexdigest()[:12]


def audit_table(requests: pd.DataFrame, attempts: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """The audit log of a study, in the order of its attempts; columns are :data:`AUDIT`."""
    import pandas as pd

    on = ["configuration", "replication", "request"]
    rows = attempts.merge(requests[[*on, "cached_tokens", "origin"]], on=on, how="left", validate="m:1")
    billed = ((rows["status"] == STATUS_OK) | (rows["cost_microusd"] > 0)).to_numpy()
    tokens = {
        name: np.where(billed, rows[name].to_numpy(), 0) for name in ("input_tokens", "cached_tokens", "output_tokens")
    }
    key = rows["key"].astype("category")
    values: dict[str, Any] = {
        **{name: rows[name] for name in ("model", "configuration", "team", "refused_by", "status", "cost_microusd")},
        **{name: rows[name] for name in ("replication", "attempt")},
        **tokens,
        "token_consumption": sum(tokens.values()),
        "cost_usd": rows["cost_microusd"] / MICRO,
        "timestamp": _moments(rows["at_ns"], facts.start_ns),
        "ended_at": _moments(rows["end_ns"], facts.start_ns),
        "expires_at": _moments(rows["at_ns"], facts.start_ns + facts.retention_ns),
        "project": key.map(lambda name: _project(*facts.keys[name])),
        "account": key.map(lambda name: facts.keys[name][0]),
        "key_fingerprint": key.map(fingerprint),
        "user_agent": _agents(rows, facts),
        "request_id": _request_ids(rows),
        "outcome": _outcomes(rows),
    }
    return pd.DataFrame({column.name: _typed(values[column.name], column) for column in AUDIT})


def _project(account: str, project: str) -> str:
    return account if project == "default" else project


def _typed(values: Any, column: Column) -> Any:
    import pandas as pd

    if column.type in ("time", "text"):
        return values
    found: pd.Series[Any] = pd.Series(values)
    return found.astype(column.type)  # type: ignore[call-overload]


def _moments(ns: pd.Series, start_ns: int) -> Any:
    """Nanoseconds of the scenario as moments in UTC; -1 is none."""
    import pandas as pd

    at = ns.to_numpy()
    moments = pd.Series(pd.to_datetime(at + start_ns, utc=True, unit="ns"))
    return moments.where(pd.Series(at >= 0), pd.NaT)


def _agents(rows: pd.DataFrame, facts: Facts) -> Any:
    """By configuration and team; what a fault sent has the fault's name."""
    import pandas as pd

    pairs = rows[["configuration", "team"]].astype(str).agg("\0".join, axis=1).astype("category")
    names = pairs.map({"\0".join(pair): agent for pair, agent in facts.agents.items()}).astype(str)
    origin = rows["origin"].astype(str)
    return pd.Series(np.where(origin == "workload", names, origin))


def _request_ids(rows: pd.DataFrame) -> Any:
    replication, request = rows["replication"].to_numpy(), rows["request"].to_numpy()
    return [f"req-{run:03d}-{number:07d}" for run, number in zip(replication.tolist(), request.tolist(), strict=True)]


def _outcomes(rows: pd.DataFrame) -> Any:
    """Each attempt's end in one word."""
    import pandas as pd

    status = rows["status"].to_numpy()
    budget = rows["refused_by"].astype(str).str.startswith("budget:").to_numpy()
    cases = [status == STATUS_OK, status == STATUS_NONE, budget, status == 429, status >= 500,
             status == STATUS_TIMEOUT, status == STATUS_CONNECTION]  # fmt: skip
    codes = np.select(cases, list(range(len(cases))), len(cases))
    return pd.Categorical.from_codes(codes, categories=pd.Index(OUTCOMES, dtype=str))


# Files


def write_audit(directory: Path, table: pd.DataFrame) -> None:
    """Write ``audit.parquet`` and ``audit.csv``, each under a temporary name first."""
    _replaced(directory / PARQUET_FILE, lambda path: table.to_parquet(path, index=False))
    text = table.assign(**{column.name: _text(table[column.name], column) for column in AUDIT})
    _replaced(directory / CSV_FILE, lambda path: text.to_csv(path, index=False, lineterminator="\n"))


def remove_audit(directory: Path) -> None:
    """Remove the audit log of an earlier study."""
    for name in (PARQUET_FILE, CSV_FILE):
        (directory / name).unlink(missing_ok=True)


def _replaced(path: Path, write: Any) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        write(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _text(values: pd.Series, column: Column) -> Any:
    """A column as the CSV has it: RFC 3339 to the nanosecond, dollars to the millionth, no formulas."""
    if column.type == "time":
        known = values.notna().to_numpy()
        plain = values.dt.tz_localize(None).to_numpy().astype("datetime64[ns]")
        said = np.char.add(np.datetime_as_string(plain, unit="ns"), "Z")
        return np.where(known, said, "")
    if column.name == "cost_usd":
        return [f"{cost:.6f}" for cost in values.tolist()]
    if column.type == "category":
        return values.cat.rename_categories([_harmless(str(name)) for name in values.cat.categories])
    return values


def _harmless(name: str) -> str:
    """A name that a spreadsheet does not take for a formula."""
    return f"'{name}" if name.startswith(FORMULA_STARTS) else name


def markdown() -> str:
    """The text of ``docs/audit.md``."""
    rows = [f"| `{column.name}` | {column.type} | {column.meaning} |\n" for column in AUDIT]
    return _PAGE.format(rows="".join(rows), outcomes=", ".join(f"`{word}`" for word in OUTCOMES))


_PAGE = """\
# The audit log

Generated from `sim/results/audit.py`; do not edit.

`keystorm compare SCENARIO --audit` (and `keystorm run`) writes `audit.parquet` and `audit.csv` beside the report: one
row for every attempt, the refused ones included. The first six columns are those of the HolySheep audit export. In the
CSV, times are RFC 3339 with nanoseconds, and a name that begins like a formula has an apostrophe before it.

Time 0 of a scenario is its `start` (2026-01-01T00:00:00Z unless it says otherwise). `audit: {{retention: 90d}}` is how
long such a log is kept; nothing is left out here, `expires_at` says from when on a real one may have forgotten the row.

| column | type | meaning |
| --- | --- | --- |
{rows}
Outcomes: {outcomes}. `rejected` is any other refusal (400, 401, 403).

Costs and refusals of a report can be added up from this table alone; `tests/unit/test_audit.py` does it. Mind the two
rules of the report: its costs leave out requests that were meant to start in the warm-up, spend caps leave out nothing
and book in the window of `ended_at`.
"""
