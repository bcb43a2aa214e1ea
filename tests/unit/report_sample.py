"""A small synthetic study for the tests of the report: no engine, numbers drawn from one seed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sim.report.inputs import Study, study

TEN = ("checkout", "analytics", "search", "support-bot", "pricing", "mail", "fraud", "catalogue", "reviews", "labs")
RUNGS = ("shared", "keys", "projects", "gateway", "accounts")
HOSTILE = ('<script>alert("x")</script>', "a&b $x^2$ | *md* `code` [l](http://evil.example)")


def metric(mean: float | None, half: float | None = None) -> dict[str, Any]:
    """One metric as the summary writes it."""
    if mean is None or half is None:
        return {"mean": mean, "ci95": [None, None]}
    return {"mean": mean, "ci95": [mean - half, mean + half]}


def _team(rank: int, count: int, isolated: bool, single: bool, rng: np.random.Generator) -> dict[str, Any]:
    """Team 0 is hurt on the shared side, team 1 hurts it and pays under isolation."""
    offered = 1400.0 / (1 + rank) + 20
    good = (0.998, 0.688)[rank] if isolated and rank < 2 else (0.686, 0.812)[rank] if rank < 2 else 0.97
    good = good if rank < 2 else min(0.999, good + (0.028 if isolated else 0) + 0.002 * float(rng.random()))
    limited = 0.5 * (1 - good) + 0.01
    wait = 40 * (1 - good) + 0.1

    def about(mean: float, share: float = 0.05) -> dict[str, Any]:
        return metric(mean, None if single else abs(mean) * share * (0.5 + float(rng.random())))

    def rate(mean: float) -> dict[str, Any]:
        return metric(mean, None if single else min(0.021, (1 - mean) * 0.3 + 1e-4))

    cost = offered * 0.006 * (4 if rank == 1 else 1)
    return {
        "offered": about(offered),
        "succeeded": about(offered * good),
        "success_rate": rate(good),
        "own_success_rate": rate(good),
        "goodput_per_min": about(offered * good / 115),
        "attempts_per_request": about(1 + 3 * (1 - good), 0.03),
        "rate_limited_share": rate(limited),
        "server_error_share": rate(0.002),
        "other_error_share": rate(0.0),
        "gave_up": about(offered * (1 - good)),
        "failed": about(0.0),
        "unfinished": about(0.4),
        "not_started": about(0.0),
        "latency_p50_s": about(2.4 + wait / 9),
        "latency_p95_s": about(6.2 + wait),
        "latency_p99_s": about(9.4 + wait * 1.6),
        "latency_mean_s": about(3 + wait / 6),
        "throttle_wait_p50_s": about(wait / 10),
        "throttle_wait_p95_s": about(wait),
        "throttle_wait_p99_s": about(2 * wait),
        "time_lost_s": about(wait * offered / 3),
        "cost_usd": about(cost),
        "wasted_cost_usd": about(cost * 0.03 * (rank == 1)),
        "cost_per_success_usd": about(0.006 / good),
        "overshoot_usd": about(0.0 if isolated else 4.5),
    }


def _series(teams: dict[str, Any], steps: int) -> dict[str, Any]:
    """Requests by interval: a busy time from a quarter on, a storm of errors after the middle."""
    rng = np.random.default_rng(11)
    found: dict[str, Any] = {}
    for team, metrics in teams.items():
        good, rate = metrics["success_rate"]["mean"], metrics["offered"]["mean"] / steps
        place = np.arange(steps) / steps
        busy, storm = (place >= 0.25) & (place < 0.42), np.where((place > 0.58) & (place < 0.63), 0.5, 0.0)
        offered = rate * rng.gamma(8, 1 / 8, steps) * np.where(busy, 1.5, 0.9)
        share = np.maximum(0.0, 1 - (1 - good) * np.where(busy, 4.0, 0.4))
        refused = offered * (1 - share)
        failed = (offered - refused) * storm
        attempts = offered * (1 + 3 * (1 - share) + 2 * storm)
        found[team] = {
            "offered": offered,
            "succeeded": offered - refused - failed,
            "refused": refused,
            "failed": failed,
            "unfinished": np.zeros(steps),
            "attempts": attempts,
            "amplification": attempts / offered,
        }
    found = {team: {name: column.tolist() for name, column in columns.items()} for team, columns in found.items()}
    total = {
        name: np.sum([columns[name] for columns in found.values()], axis=0).tolist()
        for name in ("offered", "succeeded")
    }
    return {
        "interval_s": 7200 / steps,
        "start_s": [at * 7200 / steps for at in range(steps)],
        "total": total,
        "teams": found,
    }


def _blast(teams: dict[str, Any], below: float) -> dict[str, Any]:
    return {
        "teams_below": metric(below, 0.1),
        "services_below": metric(6 * below, 1.1),
        "service_minutes_lost": metric(90 * below, 12),
        "time_to_recover_s": metric(300.0, 60),
        "recovered_share": 1.0,
        "teams": {team: {"services": 3, "below_share": 0.1} for team in teams},
    }


def cap(name: str, *, reserved: bool) -> dict[str, Any]:
    """A cap of $20 a day that is reached after an hour, and passed where nothing is reserved."""
    over, spend = (0.0, 19.5) if reserved else (4.5, 24.5)
    level = [min(spend, 0.4 * at) for at in range(61)]
    window = {
        "window": 0, "start_s": 0.0, "end_s": 7800.0, "reached_share": 0.0 if reserved else 1.0,
        "spend_usd": metric(spend, 0.3), "overshoot_usd": metric(over, 0.3), "overshoot_share": metric(over / 20, 0.01),
        "reached_s": metric(None if reserved else 6000.0), "first_refusal_s": metric(6020.0, 9.0),
        "requests_refused": metric(31.0, 3.0),
    }  # fmt: skip
    events = [{"at_s": 4800.0, "window": 0, "kind": "alert", "share_of_cap": 0.8, "replications": 1.0}]
    if not reserved:
        events.append({"at_s": 6000.0, "window": 0, "kind": "reached", "share_of_cap": 1.0, "replications": 0.9})
    return {
        "name": name, "level": "account", "cap_usd": 20.0, "per": "$20/day", "period_s": 86400.0, "models": None,
        "mode": "reserve" if reserved else "postpaid", "teams": [], "alerts": [0.8], "known": True, "windows": 1,
        "spend_usd": metric(spend, 0.3), "overshoot_usd": metric(over, 0.3), "overshoot_share": metric(over / 20, 0.01),
        "requests_refused": metric(31.0, 3.0), "attempts_refused": metric(31.0, 3.0),
        "reached_share": window["reached_share"], "by_window": [window], "events": events,
        "series": {
            "at_s": [120.0 * at for at in range(61)], "spend_usd": level, "least_usd": level, "most_usd": level,
        },
    }  # fmt: skip


def _total(teams: dict[str, Any]) -> dict[str, Any]:
    offered = sum(team["offered"]["mean"] for team in teams.values())
    succeeded = sum(team["succeeded"]["mean"] for team in teams.values())
    one = next(iter(teams.values()))
    total = {name: dict(value) for name, value in one.items()}
    for name in ("offered", "succeeded", "gave_up", "cost_usd", "wasted_cost_usd"):
        whole = sum(team[name]["mean"] for team in teams.values())
        total[name] = metric(whole, None if one["cost_usd"]["ci95"][0] is None else whole * 0.02)
    total["success_rate"] = metric(succeeded / offered, None if one["cost_usd"]["ci95"][0] is None else 0.01)
    total["own_success_rate"] = total["success_rate"]
    return total | {"jain_index": metric(0.91, 0.01)}


def _pairs(sides: dict[str, Any], single: bool) -> dict[str, Any]:
    base, *others = sides
    found = {}
    for name in others:
        teams = {}
        for team, metrics in sides[name]["teams"].items():
            before = sides[base]["teams"][team]
            teams[team] = {
                key: metric(value["mean"] - before[key]["mean"], None if single else abs(value["mean"]) * 0.02 + 1e-6)
                for key, value in metrics.items()
            }
        found[f"{name} - {base}"] = {"teams": teams}
    return found


def _contention(names: tuple[str, ...], configurations: tuple[str, ...]) -> dict[str, Any]:
    """On sides that are not isolated the second team causes most of what others lose."""
    found: dict[str, Any] = {}
    for name in configurations:
        if name not in ("shared", "keys", HOSTILE[1]) or len(names) < 2:
            found[name] = {"consumption": {}, "counterfactual": {}, "counterfactual_ci95": {}}
            continue
        rows = [team for at, team in enumerate(names) if at != 1]
        others = max(1, len(names) - 2)
        counter = {v: {c: 0.84 if c == names[1] else 0.1 / others for c in names if c != v} for v in rows}
        used = {v: {c: 0.71 if c == names[1] else 0.29 / (len(names) - 1) for c in names} for v in rows}
        bounds = {v: {c: [share - 0.05, share + 0.05] for c, share in row.items()} for v, row in counter.items()}
        found[name] = {"consumption": used, "counterfactual": counter, "counterfactual_ci95": bounds}
    return found


def _slo(name: str, team: str, value: float, met: bool) -> dict[str, Any]:
    return {
        "configuration": name,
        "team": team,
        "metric": "success_rate",
        "op": ">=",
        "bound": 0.995,
        "text": f"{team}: success_rate >= 0.995",
        "value": metric(value, 0.004),
        "met": met,
        "met_share": 1.0 if met else 0.05,
    }


def summary(
    names: tuple[str, ...] = TEN[:2],
    configurations: tuple[str, ...] = ("shared", "projects"),
    *,
    single: bool = False,
    capped: bool = False,
    reviewed: bool = False,
) -> dict[str, Any]:
    """A summary of ``names`` × ``configurations``; ``single``: no intervals; ``capped``: with spend caps;
    ``reviewed``: refused content is reviewed.
    """
    rng = np.random.default_rng(7)
    sides: dict[str, Any] = {}
    for at, name in enumerate(configurations):
        isolated = at > 0 and name != "keys"
        teams = {team: _team(rank, len(names), isolated, single, rng) for rank, team in enumerate(names)}
        sides[name] = {
            "isolation": name if name in RUNGS else "spelled-out",
            "capacity": {"burst": 60.0, "requests_per_min": 60.0},
            "total": _total(teams),
            "teams": teams,
            "load": {"total": {"label": "overloaded" if at == 0 else "stable"}},
            "series": _series(teams, 60),
            "latency_quantiles_s": {
                "levels": [0.05, 0.25, 0.5, 0.75, 0.95, 0.99],
                "teams": {team: _quantiles(metrics) for team, metrics in teams.items()},
            },
            "regimes": {},
            "blast_radius": _blast(teams, 1.9 if at == 0 else 0.05),
            "limits": [],
            "budgets": [cap(f"account:{name}", reserved=isolated)] if capped else [],
            **({"reviews": [review(names, at)]} if reviewed else {}),
        }
    slos = [_slo(name, names[0], 0.686 if at == 0 else 0.998, at > 0) for at, name in enumerate(configurations)]
    return {
        "scenario": {"name": "noisy-neighbour", "sha256": "ab" * 32},
        "seed": 35,
        "replications": 1 if single else 20,
        "engine": "simpy",
        "configurations": sides,
        "paired": _pairs(sides, single),
        "contention": _contention(names, configurations),
        "slos": slos,
        "checks": {"rows_planned": 48_120, "rows_reported": 48_120, "digest": "3f" * 32},
    }


def review(names: tuple[str, ...], at: int) -> dict[str, Any]:
    """The desk of a violating team: on the first side a ban ends what it sends."""
    numbers = {"items": 41 + 30 * at, "wait_mean_s": 340.0, "wait_p95_s": 900.0, "wait_longest_s": 1400.0,
               "longest_queue": 9.0, "busy_share": 0.7, "open_at_end": 0.2}  # fmt: skip
    ends = [float(60 * minute) for minute in range(1, 131)]
    return {
        "label": "policy violations", "reviewers": 2, "each_s": 300.0,
        **{name: metric(value, abs(value) * 0.1) for name, value in numbers.items()},
        "teams": {name: metric(40.0 if place == 0 else 0.0, 4.0) for place, name in enumerate(names)},
        "categories": {"security": metric(30.0, 3.0), "other": metric(11.0, 2.0)},
        "backlog": {"end_s": ends, "waiting": [max(0.0, 9.0 - abs(end / 60 - 60) / 4) for end in ends]},
    }  # fmt: skip


CHAOS = [
    {"runaway_job": {"at": "30m", "for": "20m", "team": "analytics", "rate": "600/min"}},
    {"storm": {"at": "70m", "for": "5m", "status": 503, "probability": 0.8}},
]


def manifest(found: dict[str, Any]) -> dict[str, Any]:
    """The manifest that goes with a summary."""
    resolved = {
        "name": "noisy-neighbour",
        "question": "Who pays when analytics runs its batch on the key that everyone shares?",
        "duration": "2h",
        "warmup": "5m",
        "drain": "10m",
        "chaos": CHAOS,
        "models": {},
        "provider": {"style": "anthropic", "round_trip": "20ms", "input_estimate": 1.0, "bill_abandoned": True},
    }
    return {
        "keystorm": "0.1.0",
        "command": ["keystorm", "compare", "scenarios/noisy-neighbour.yaml", "--out", "reports/it's"],
        "scenario": {"name": "noisy-neighbour", "sha256": "ab" * 32, "resolved": resolved},
        "seed": found["seed"],
        "replications": found["replications"],
        "engine": "simpy",
        "versions": {"python": "3.11.7", "numpy": "2.4.6"},
        "limits": {},
        "notes": ["12 of 8,819 rows skipped in trace.csv"],
    }


def _quantiles(metrics: dict[str, Any]) -> list[float]:
    mid, top, last = (metrics[f"latency_p{q}_s"]["mean"] for q in (50, 95, 99))
    return [mid / 3, mid / 1.6, mid, mid * math.sqrt(top / mid), top, last]


def make(found: dict[str, Any] | None = None) -> Study:
    """A whole study ready to be drawn."""
    found = summary() if found is None else found
    return study(found, manifest(found))


def forty_seven() -> tuple[str, ...]:
    """Names of 47 services, one of them long."""
    return (
        *(f"service-{number:02d}" for number in range(46)),
        "the-team-with-the-longest-name-that-the-schema-allows-in-any-scenario-file-of-all",
    )
