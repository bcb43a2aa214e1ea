"""The server's state as JSON: limits with their level, spend, keys, faults, counts."""

from __future__ import annotations

from typing import Any

import sim
from sim.emulator.faults import FOREVER
from sim.emulator.journal import Row
from sim.emulator.site import Site
from sim.emulator.tally import Place
from sim.units import MICRO, SECOND


def state_of(site: Site) -> dict[str, Any]:
    """Everything but the secrets' absence: ``GET /keystorm/state``."""
    return {**summary_of(site), "keys": [key_of(key) for key in site.keyring.keys]}


def key_of(key: Any) -> dict[str, Any]:
    """A key with its secret."""
    return {"name": key.name, "secret": key.secret, "account": key.account, "project": key.project,
            "teams": list(key.teams), "generation": key.generation, "revoked": key.revoked}  # fmt: skip


def summary_of(site: Site) -> dict[str, Any]:
    """The state without keys: what the dashboard shows and is sent again and again."""
    now = site.clock.now()
    return {
        "keystorm": sim.__version__,
        "scenario": site.loaded.scenario.name,
        "question": site.loaded.scenario.question,
        "configuration": site.configuration,
        "isolation": site.decisions.setting.topology.isolation,
        "clock": {"virtual_ns": now, "speed": float(site.clock.speed), "epoch_unix_ns": site.clock.epoch,
                  "wall_unix_ns": site.clock.today()},
        "models": list(site.models),
        "teams": list(site.teams),
        "limits": _limits(site, now),
        "spend": [_cap(site, row, now) for row in range(len(site.decisions.setting.rows.caps))],
        "faults": faults_of(site, now),
        "requests": _counts(site),
        "projects": _projects(site),
        "by_second": [list(one) for one in site.tally.by_second],
        "recent": [_short(row) for row in reversed(site.tally.recent)],
    }  # fmt: skip


def _limits(site: Site, now: int) -> list[dict[str, Any]]:
    """Every limit that holds now, those that a fault cut among them."""
    rows = range(len(site.decisions.setting.rows.all_limits))
    return [_limit(site, row, now) for row in rows if site.decisions.in_force(row, now)]


def _limit(site: Site, row: int, now: int) -> dict[str, Any]:
    told = site.decisions.setting.rows.all_limits[row]
    left, full_in = site.decisions.level(row, now)
    return {
        "name": told.name, "level": told.level, "dimension": told.dimension, "algorithm": told.limits.algorithm,
        "rate": None if told.rate is None else str(told.rate), "capacity": told.capacity, "left": left,
        "full_in_s": None if full_in < 0 else full_in / SECOND, "teams": list(told.teams),
        "cut": told.cut_of >= 0,
    }  # fmt: skip


def _cap(site: Site, row: int, now: int) -> dict[str, Any]:
    told, spend = site.decisions.setting.rows.caps[row], site.decisions.spend(row, now)
    return {
        "name": told.name, "mode": told.cap.mode, "amount": str(told.cap.amount), "cap_usd": spend.cap / MICRO,
        "spent_usd": spend.spent / MICRO, "held_usd": spend.held / MICRO, "alerts": site.decisions.alerts(row),
        "teams": list(told.teams),
    }  # fmt: skip


def faults_of(site: Site, now: int) -> list[dict[str, Any]]:
    """Injected faults, and those of the scenario that are at work or to come."""
    own = [
        {"id": None, "kind": entry.kind, "summary": entry.fault.summary, "from_s": entry.fault.window[0] / SECOND,
         "until_s": entry.fault.window[1] / SECOND, "active": entry.fault.window[0] <= now < entry.fault.window[1],
         "hits": None}
        for entry in site.loaded.scenario.chaos if entry.fault.window[1] > now
    ]  # fmt: skip
    injected = [
        {"id": one.number, "kind": one.kind, "summary": _words(one.said), "from_s": one.start / SECOND,
         "until_s": None if one.end - one.start >= FOREVER else one.end / SECOND, "active": True, "hits": one.seen}
        for one in site.faults.active
    ]  # fmt: skip
    return injected + own


def _words(said: Any) -> str:
    return ", ".join(f"{name} {value}" for name, value in said.items()) or "always"


def _counts(site: Site) -> dict[str, Any]:
    total: dict[str, Any] = {"answered": 0, "succeeded": 0, "rate_limited": 0, "failed": 0, "cost_usd": 0.0}
    for place, cell in site.tally.cells.items():
        total["answered"] += cell.requests
        total[_outcome(place)] += cell.requests
        total["cost_usd"] += cell.cost_microusd / MICRO
    return {**total, "in_flight": site.tally.in_flight}


def _outcome(place: Place) -> str:
    return "succeeded" if place.status == 200 else "rate_limited" if place.status == 429 else "failed"


def _projects(site: Site) -> list[dict[str, Any]]:
    """By project: what succeeded, what it cost, and what refused how often. Projects without traffic too."""
    found: dict[str, dict[str, Any]] = {}
    for key in site.keyring.keys:
        name = f"{key.account}/{key.project}"
        one = found.setdefault(name, {"name": name, "teams": [], "succeeded": 0, "cost_usd": 0.0, "refusals": {}})
        one["teams"] = sorted({*one["teams"], *key.teams})
    for place, cell in site.tally.cells.items():
        name = f"{place.account}/{place.project}" if place.account else "(no valid key)"
        one = found.setdefault(name, {"name": name, "teams": [], "succeeded": 0, "cost_usd": 0.0, "refusals": {}})
        one["cost_usd"] += cell.cost_microusd / MICRO
        if place.status == 200:
            one["succeeded"] += cell.requests
        else:
            reason = place.refused_by or _STATUS_WORDS.get(place.status, f"status {place.status}")
            one["refusals"][reason] = one["refusals"].get(reason, 0) + cell.requests
    return list(found.values())


_STATUS_WORDS = {
    -1: "cut by a restart", 0: "connection broken", 499: "client hung up", 400: "malformed (400)",
    401: "no valid key (401)", 404: "no such model (404)", 413: "too large (413)",
}  # fmt: skip


def _short(row: Row) -> dict[str, Any]:
    return {
        "request_id": row.request_id, "date_ns": row.date_ns, "project": f"{row.account}/{row.project}",
        "team": row.team, "model": row.model, "api": row.api, "status": row.status, "refused_by": row.refused_by,
        "tokens": row.input_tokens + row.cached_tokens + row.output_tokens, "cost_usd": row.cost_microusd / MICRO,
        "seconds": max(0, row.end_ns - row.at_ns) / SECOND, "fault": row.fault, "attempt": row.attempt,
    }  # fmt: skip
