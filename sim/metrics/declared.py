"""Every metric, declared once: its name, unit, formula, display, and which way is better.

Table headers, JSON keys, axis labels and ``docs/metrics.md`` come from here. Importing this module
costs nothing, so that a scenario's objectives can be checked against :data:`NAMES`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower", "none"]
NO_VALUE = "–"


@dataclass(frozen=True)
class Metric:
    """One number a team (or the total) gets for each replication.

    ``unit`` is one of ``requests``, ``share`` (0 to 1), ``s``, ``USD``, ``1/min`` or ``ratio``;
    ``digits`` are the decimals shown (of the percentage, for a share). ``total_only`` metrics have
    no value for a single team.
    """

    name: str
    label: str
    unit: str
    formula: str
    better: Better
    digits: int
    total_only: bool = False

    def show(self, value: float | None, *, signed: bool = False) -> str:
        """The value as text with its unit; ``signed`` for differences, where a share is in points."""
        if value is None or not math.isfinite(value):
            return NO_VALUE
        sign = "+" if signed else ""
        if self.unit == "share":
            return f"{100 * value:{sign},.{self.digits}f} {'pp' if signed else '%'}"
        if self.unit == "USD":
            mark = "-" if value < 0 else sign
            return f"{mark}${abs(value):,.{self.digits}f}"
        tail = {"s": " s", "1/min": "/min"}.get(self.unit, "")
        return f"{value:{sign},.{self.digits}f}{tail}"


def _waits(quantile: int) -> Metric:
    return Metric(
        f"throttle_wait_p{quantile}_s", f"Throttle wait p{quantile}", "s",
        f"{quantile}th percentile, over offered requests, of the time between refusals with 429 and the next attempt",
        "lower", 2,
    )  # fmt: skip


def _latency(quantile: int) -> Metric:
    return Metric(
        f"latency_p{quantile}_s", f"Latency p{quantile}", "s",
        f"{quantile}th percentile, over succeeded requests, of the final answer's time minus the intended start",
        "lower", 2,
    )  # fmt: skip


DECLARED = (
    Metric("offered", "Offered", "requests",
           "requests whose intended start is at or after the end of the warm-up, those that a fault sends included",
           "none", 0),
    Metric("succeeded", "Succeeded", "requests", "offered requests that ended with an answer", "higher", 0),
    Metric("success_rate", "Success rate", "share", "succeeded / offered", "higher", 2),
    Metric("own_success_rate", "Own success rate", "share",
           "succeeded / offered over the team's own workload, without requests that a fault sent in its name",
           "higher", 2),
    Metric("goodput_per_min", "Goodput", "1/min",
           "succeeded requests that started before the end of the duration, per minute of duration minus warm-up",
           "higher", 1),
    Metric("attempts_per_request", "Attempts per request", "ratio", "attempts of offered requests / offered",
           "lower", 2),
    Metric("rate_limited_share", "429 share", "share", "attempts answered with 429 / attempts", "lower", 2),
    Metric("server_error_share", "5xx share", "share", "attempts answered with a status of 500 or above / attempts",
           "lower", 2),
    Metric("other_error_share", "Other errors", "share",
           "attempts that ended in any other way but success (other 4xx, client timeout, connection error) / attempts",
           "lower", 2),
    Metric("gave_up", "Gave up", "requests",
           "offered requests whose last answer was retryable when attempts, deadline or retry budget were spent",
           "lower", 0),
    Metric("failed", "Failed", "requests", "offered requests whose last answer was not retryable", "lower", 0),
    Metric("unfinished", "Unfinished", "requests", "offered requests still under way when the drain ended",
           "lower", 0),
    Metric("not_started", "Not started", "requests",
           "steps of sessions that were never sent, because the step before failed or did not end; not in offered",
           "lower", 0),
    Metric("fallback_answers", "Fallback answers", "requests",
           "succeeded requests that were answered by the model that the client falls back to", "none", 0),
    Metric("stopped_by_client", "Stopped by client", "requests",
           "offered requests that their own client stopped: its circuit breaker was open, or its queue full",
           "none", 0),
    _latency(50), _latency(95), _latency(99),
    Metric("latency_mean_s", "Mean latency", "s",
           "mean, over succeeded requests, of the final answer's time minus the intended start", "lower", 2),
    _waits(50), _waits(95), _waits(99),
    Metric("client_wait_mean_s", "Mean client wait", "s",
           "mean, over offered requests, of the time in the client's own queue and waiting for its own rate limit",
           "lower", 2),
    Metric("time_lost_s", "Time lost", "s",
           "sum over offered requests of the time from the intended start to the start of the attempt that succeeded; "
           "without one, to the client's last answer or the end of the run",
           "lower", 0),
    Metric("cost_usd", "Cost", "USD", "all that the attempts of offered requests were billed", "lower", 2),
    Metric("cost_per_success_usd", "Cost per success", "USD", "cost_usd / succeeded", "lower", 4),
    Metric("wasted_cost_usd", "Wasted cost", "USD",
           "the part of cost_usd billed for attempts that gave no answer", "lower", 2),
    Metric("overshoot_usd", "Budget overshoot", "USD",
           "the most that the spend of any window of any spend cap went over that cap, warm-up and drain included; "
           "0 without caps", "lower", 2, total_only=True),
    Metric("jain_index", "Jain's fairness index", "ratio",
           "(sum of x)^2 / (n * sum of x^2) over the n teams that offered something, x = own_success_rate; "
           "1 when all fare alike, 1/n when one team gets everything",
           "higher", 3, total_only=True),
)  # fmt: skip
"""All metrics, in the order of tables."""

BY_NAME = {metric.name: metric for metric in DECLARED}
NAMES = tuple(BY_NAME)
"""The names that an objective may use."""

TEAM_NAMES = tuple(metric.name for metric in DECLARED if not metric.total_only)
"""The names that an objective of one team (or ``*``) may use."""

_HEAD = """\
# Metrics

Generated from `sim/metrics/declared.py`; do not edit.

Each metric is computed for each replication, team and configuration, and for all teams together
(total). What is reported is the mean over replications with its 95 % t-interval. A replication
without a value (no success has no latency) is left out of that mean. A paired difference is taken
replication by replication first: both sides saw the same draws. Only requests with an intended
start at or after the end of the warm-up count.

A study that streams (`--rows none`, `--stream`) counts while it runs. It says the same, but for quantiles,
which come from histograms and are at most 0.4 % off, and for contention by consumption (below).

| name | label | unit | formula | better |
| --- | --- | --- | --- | --- |
"""


def _row(metric: Metric) -> str:
    note = " (total only)" if metric.total_only else ""
    return f"| `{metric.name}` | {metric.label} | {metric.unit} | {metric.formula}{note} | {metric.better} |\n"


def markdown() -> str:
    """The text of ``docs/metrics.md``: the table of metrics, then the rules in words."""
    from sim.metrics import blast, budgets, contention, incidents, limits, load, review, slo, spend, stats

    parts = (contention, blast, incidents, load, limits, budgets, spend, review, slo, stats)
    rules = [part.RULE for part in parts]
    return _HEAD + "".join(map(_row, DECLARED)) + "".join(f"\n{rule}" for rule in rules)
