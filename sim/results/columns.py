"""The two result tables: every column once, with its type and its meaning.

Everything downstream (metrics, reports, importers of our own tables) reads these names.
"""

from __future__ import annotations

from dataclasses import dataclass

OUTCOMES = ("succeeded", "failed", "gave_up", "unfinished", "not_started")
"""Codes 0–4. ``failed``: the last answer was not retryable; ``gave_up``: it was, but attempts,
deadline or retry budget were spent, or its own client would not send it; ``unfinished``: still under
way when the drain ended; ``not_started``: a session step whose predecessor failed or did not end."""

SUCCEEDED, FAILED, GAVE_UP, UNFINISHED, NOT_STARTED = range(5)

ORIGINS = ("workload", "fault", "foreign")
"""Where a request comes from: the team's own workload, a fault that sends in its name, as a runaway job
does, or a stranger with the team's key."""

STATUS_NONE, STATUS_CONNECTION, STATUS_OK, STATUS_TIMEOUT = -1, 0, 200, 499
"""Statuses that no provider sends: none yet, connection error, and (as nginx logs it) 499 for a
client that hung up after its own timeout."""

STATUS_CIRCUIT, STATUS_QUEUE = -2, -3
"""Instead of the last attempt's status, where the client stopped the request without sending it (again):
its circuit breaker was open, its queue was full. The request gave up; no attempt has such a status."""
NOT_SENT = (STATUS_CIRCUIT, STATUS_QUEUE)


@dataclass(frozen=True)
class Column:
    """One column: its name, its Arrow type, and what it says."""

    name: str
    type: str
    meaning: str


REQUESTS = (
    Column("configuration", "category", "the arrangement of keys"),
    Column("replication", "int32", "0-based; the same number sees the same draws everywhere"),
    Column("request", "int64", "0-based number in the replication's plan, in canonical order"),
    Column("team", "category", "who sent it"),
    Column("key", "category", "the key that it used, as account/project/key"),
    Column("model", "category", "the model asked for"),
    Column("origin", "category", "workload, or the fault that sent it"),
    Column("arrival_ns", "int64", "intended start; -1 where a session never came to this step"),
    Column("finish_ns", "int64", "when the client had its final answer; -1 when it never had"),
    Column("outcome", "category", "one of OUTCOMES"),
    Column(
        "status",
        "int16",
        "the last attempt's status; 499 client timeout, -1 none, -2 circuit breaker open, -3 client's queue full",
    ),
    Column("attempts", "int32", "attempts made"),
    Column("last_model", "category", "the model of the last attempt: another than model after a fallback"),
    Column("input_tokens", "int64", "input of the request, cached input included"),
    Column("cached_tokens", "int64", "the part of the input that is read from a cache"),
    Column("output_tokens", "int64", "output of a complete answer"),
    Column("cost_microusd", "int64", "all that its attempts were billed"),
    Column("wasted_microusd", "int64", "the part billed for attempts that gave no answer"),
    Column("throttle_wait_ns", "int64", "time between refusals with 429 and the next attempt"),
    Column("client_wait_ns", "int64", "time in the client's own queue and waiting for its own rate limit"),
    Column("refused_by", "category", "what refused it last, as level:name:limit; empty if nothing"),
)

ATTEMPTS = (
    Column("configuration", "category", "the arrangement of keys"),
    Column("replication", "int32", "0-based"),
    Column("request", "int64", "the request that it belongs to"),
    Column("attempt", "int32", "0-based"),
    Column("team", "category", "who sent it"),
    Column("key", "category", "the key that it used"),
    Column("model", "category", "the model asked for"),
    Column("at_ns", "int64", "when it reached the provider"),
    Column("end_ns", "int64", "when the client had the answer; -1 when the run ended first"),
    Column("status", "int16", "200, 429, 503, …; 499 client timeout, -1 unfinished"),
    Column("refused_by", "category", "level:name:limit, storm:503, slots:model, budget:level:name"),
    Column("retry_after_ns", "int64", "the answer's retry-after; -1 when it carried none"),
    Column("input_tokens", "int64", "uncached input charged to limits"),
    Column("output_tokens", "int64", "output produced in this attempt"),
    Column("cost_microusd", "int64", "what it was billed"),
)
