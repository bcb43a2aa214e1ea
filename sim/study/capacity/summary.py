"""Everything that a study found as plain data: what ``capacity.json`` holds and the report reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.engine.digest import combined
from sim.metrics.stats import interval, paired
from sim.metrics.summary import json_safe
from sim.metrics.tables import F64
from sim.scenario.capacity import capacity as total_capacity
from sim.scenario.limit_rows import CapRow, LimitRow, rows_of
from sim.study.capacity.arrange import topology_of
from sim.study.capacity.breaks import Broken, Missed, broken, missed, reached
from sim.study.capacity.capacity import goals_at_end
from sim.study.capacity.cost import together
from sim.study.capacity.curves import Curve, Date, Table
from sim.study.capacity.growth import cast
from sim.study.capacity.measure import Key, Work
from sim.study.capacity.options import Growth, Options
from sim.study.capacity.steps import Step, steps
from sim.study.capacity.tiers import ladders, uncovered
from sim.study.capacity.what_if import Case
from sim.units import DAY, MICRO, SECOND

if TYPE_CHECKING:
    from sim.scenario.loader import Loaded

Json = dict[str, Any]
_LIMIT = ("used", "asked", "busy", "peak", "refusals", "refused_share")
_SERIES = ("used", "asked", "busy", "peak", "refused_share")


def summary_of(loaded: Loaded, options: Options, work: Work, tables: Mapping[str, Table]) -> Json:
    """The dict of ``capacity.json``; plain types only, numbers that are unknown are None."""
    scenario = work.base.scenario
    first = work.cases[0].name
    whole = {
        "kind": "capacity",
        "scenario": {"name": scenario.name, "sha256": loaded.sha256, "question": scenario.question},
        "seed": scenario.seed,
        "replications": scenario.replications,
        "engine": options.engine,
        "times_s": {name: getattr(scenario, name) / SECOND for name in ("duration", "warmup", "drain")},
        "months": options.months,
        "start": None if options.start is None else "{:04d}-{:02d}".format(*options.start),
        "growth": _growth(options.growth),
        "faults": {"kept": options.faults, "labels": [one.fault.summary for one in loaded.scenario.chaos]},
        "uncovered_models": list(uncovered(scenario)),
        "cases": {case.name: _case(work, case, options, tables) for case in work.cases},
        "paired": {case.name: _paired(tables[first], tables[case.name]) for case in work.cases if case.name != first},
        "checks": _checks(tables),
    }
    return dict(json_safe(whole))


def _growth(growth: Growth) -> Json:
    joining = [{"name": new.name, "like": new.like, "month": new.month} for new in growth.new_teams]
    return {"overall": growth.overall, "teams": dict(growth.teams), "new_teams": joining}


def _checks(tables: Mapping[str, Table]) -> Json:
    """What was run, in an order that does not depend on when."""
    measured = [one for name in tables for one in tables[name].measured]
    return {
        "runs": len(measured),
        "rows_planned": sum(one.rows for one in measured),
        "rows_reported": sum(one.rows for one in measured),
        "digest": combined(one.digest for one in measured),
    }


def _case(work: Work, case: Case, options: Options, tables: Mapping[str, Table]) -> Json:
    table, goals = tables[case.name], goals_at_end(work, case, options.months)
    misses = missed(table, goals)
    limits, caps = _rows(work, case, options)
    found = {one.name: one for one in broken(table, goals, misses)}
    shown = [_limit(row, found[name], table) for name, row in limits.items()]
    shown_caps = [_cap(row, table) for row in caps.values()]
    return {
        "configuration": case.base,
        "isolation": str(getattr(case.configuration, "isolation", "custom")),
        "growth": _growth(case.growth),
        "capacity": total_capacity(topology_of(case, work.base.scenario, work.today, 0)),
        "teams": sorted(cast(work.base.scenario, case.growth, options.months)),
        "first": _first(shown, shown_caps, list(misses)),
        "limits": shown,
        "caps": shown_caps,
        "objectives": [_objective(one, table) for one in misses],
        "tiers": list(_tiers(work, table)),
        "cost": _cost(table),
        "series": _series(table),
    }


def _rows(work: Work, case: Case, options: Options) -> tuple[dict[str, LimitRow], dict[str, CapRow]]:
    """Every limit and cap that ever holds, as it stands when it first does."""
    limits: dict[str, LimitRow] = {}
    caps: dict[str, CapRow] = {}
    for month in (0, *sorted(new.month for new in case.growth.new_teams)):
        rows = rows_of(topology_of(case, work.base.scenario, work.today, month))
        limits = {row.name: row for row in rows.limits} | limits
        caps = {row.name: row for row in rows.caps} | caps
    return limits, caps


def _now(values: F64) -> Json:
    """Mean and interval in the first month in which there is a value: month 0, or when a team joins."""
    known = values[np.isfinite(values).any(axis=1)]
    return interval(known[0][:, None]).json(0) if len(known) else {"mean": None, "ci95": [None, None]}


def _since(table: Table, key: Key) -> float:
    """The month of :func:`_now`."""
    known = np.isfinite(table.values(key)).any(axis=1)
    return float(np.asarray(table.months)[known][0]) if known.any() else 0.0


def _limit(row: LimitRow, found: Broken, table: Table) -> Json:
    return {
        "name": row.name, "level": row.level, "dimension": row.dimension, "algorithm": row.limits.algorithm,
        "models": None if row.limits.models is None else list(row.limits.models),
        "rate": None if row.rate is None else str(row.rate), "per_minute": row.per_minute, "burst": row.capacity,
        "teams": list(row.teams),
        "since": _since(table, ("limit", row.name, "used")),
        "now": {name: _now(table.values(("limit", row.name, name))) for name in _LIMIT},
        "full": found.full.json(),
        "breaks": found.breaks.json(),
        "harms": {"team": found.team, "objective": found.goal},
        "bears": _bears(table, row.teams, found.breaks),
    }  # fmt: skip


def _bears(table: Table, teams: Iterable[str], date: Date) -> float | None:
    """The traffic of these teams when the limit breaks, as a multiple of today's."""
    if date.at is None:
        return None
    curves = [table.curve(("team", team, "requests"), 0.0) for team in teams]
    now = sum(float(curve.mean[0]) for curve in curves)
    return sum(curve.at(date.at)[0] for curve in curves) / now if now else None


def _cap(row: CapRow, table: Table) -> Json:
    amount = row.cap.amount
    usd = amount.micro_usd / MICRO
    return {
        "name": row.name, "amount": str(amount), "usd": usd, "window_days": amount.period_ns / DAY,
        "mode": row.cap.mode, "teams": list(row.teams), "now": _now(table.values(("cap", row.name, "usd"))),
        "reached": reached(table, row.name, usd).json(),
    }  # fmt: skip


def _objective(one: Missed, table: Table) -> Json:
    goal = one.goal
    return {
        "text": goal.text, "team": goal.team, "metric": goal.metric, "op": goal.op, "bound": goal.bound,
        "assumed": goal.assumed, "since": _since(table, ("objective", goal.text)),
        "now": _now(table.values(("objective", goal.text))),
        "missed": one.date.json(), "cause": one.cause,
    }  # fmt: skip


def _first(limits: list[Json], caps: list[Json], misses: Iterable[Missed]) -> Json | None:
    """What breaks first: a limit, a cap, or an objective that no limit explains.

    Of two at one date the one that harms a stated objective goes before one that is only assumed.
    """
    assumed = {one.goal.text for one in misses if one.goal.assumed}
    found = [("limit", one["name"], one["breaks"], one["harms"]["objective"] in assumed) for one in limits]
    found += [("cap", one["name"], one["reached"], False) for one in caps]
    known = {one["name"] for one in limits}
    found += [
        ("objective", one.goal.text, one.date.json(), one.goal.assumed) for one in misses if one.cause not in known
    ]
    within = [one for one in found if one[2]["month"] is not None]
    if not within:
        return None
    kind, name, date, _ = min(within, key=lambda one: (one[2]["month"], one[3], one[2]["early"] or 0.0))
    return {"kind": kind, "name": name, "date": date}


def _tiers(work: Work, table: Table) -> Iterator[Json]:
    """For each account and provider: the steps, and what is asked for over the months."""
    accounts = dict.fromkeys(key[1] for key in table.keys if key[0] == "asked_usd")
    for account in accounts:
        for ladder in ladders(work.base.scenario):
            taken = steps(table, account, ladder)
            asked = [key for key in table.keys if key[:2] == ("asked", account) and key[2] in dict(ladder.classes)]
            yield {
                "account": account,
                "provider": ladder.provider,
                "classes": {title: list(models) for title, models in ladder.classes},
                "steps": [_step(one) for one in taken],
                "by_rates": [_step(one) for one in steps(table, account, ladder, spend=False)],
                "asked": {f"{key[2]} {key[3]}": _line(table.curve(key)) for key in asked},
                "usd": _line(table.curve(("asked_usd", account))),
            }


def _step(step: Step) -> Json:
    why = step.reason
    because = None if why is None else {"class": why.title, "dimension": why.dimension, "allowed": why.allowed}
    return {"tier": step.tier, "from": step.date.json(), "because": because}


def _cost(table: Table) -> Json:
    """Dollars a month now and in the last month, and all of it together; in total and by team."""
    months = np.asarray(table.months)
    found: Json = {
        "total": _spent(months, table.values(("total", "usd"))),
        "all_served": _spent(months, table.values(("total", "asked_usd"))),
    }
    teams = dict.fromkeys(key[1] for key in table.keys if key[0] == "team")
    found["teams"] = {team: _spent(months, table.values(("team", team, "usd"), 0.0)) for team in teams}
    return found


def _spent(months: F64, usd: F64) -> Json:
    columns = {"now": usd[0], "last": usd[-1], "together": together(months, usd)}
    return {name: interval(values[:, None]).json(0) for name, values in columns.items()}


def _line(curve: Curve) -> Json:
    return {"mean": curve.mean, "low": curve.low, "high": curve.high}


def _series(table: Table) -> Json:
    """Curves over the months that were run."""
    keys = table.keys
    teams = dict.fromkeys(key[1] for key in keys if key[0] == "team")
    limits = dict.fromkeys(key[1] for key in keys if key[0] == "limit")
    caps = dict.fromkeys(key[1] for key in keys if key[0] == "cap")

    def lines(head: Key, names: Iterable[str]) -> Json:
        return {name: _line(table.curve((*head, name))) for name in names}

    return {
        "months": table.months,
        "total": lines(("total",), ("success", "usd", "requests", "asked_usd")),
        "teams": {team: lines(("team", team), ("success", "usd", "requests")) for team in teams},
        "limits": {limit: lines(("limit", limit), _SERIES) for limit in limits},
        "caps": {cap: lines(("cap", cap), ("usd",)) for cap in caps},
        "objectives": {key[1]: _line(table.curve(key)) for key in keys if key[0] == "objective"},
    }


def _paired(first: Table, other: Table) -> Json:
    """What a case changes against the first one, in month 0 and in the last month."""
    found: Json = {}
    for name in ("success", "usd"):
        before, after = first.values(("total", name)), other.values(("total", name))
        for when, at in (("now", 0), ("last", -1)):
            found[f"{name}_{when}"] = paired(before[at][:, None], after[at][:, None]).json(0)
    return found
