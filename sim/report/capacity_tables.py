"""The tables of a capacity report: one of each kind for the first arrangement, folded for the others."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from sim.report.capacity_terms import money_rate, reason_text, short_tier, tier_name
from sim.report.capacity_view import (
    Json,
    View,
    When,
    by_name,
    calendar_name,
    doubtful,
    grouped,
    limit_text,
    owner,
    span_text,
    tier_dates,
    when,
)
from sim.report.capacity_words import first_of
from sim.report.document import NUMBER, Cell, Head, Table
from sim.report.numbers import MISSING, NB, Stat, half_text, kind_of, stat, value_text
from sim.report.objectives import objective_text

LONG = 14
"""Rows of a table from which on those that hold for the whole study are folded away."""
Row = tuple[Cell, ...]


def date_cell(date: When, view: View, *, harmful: bool = True) -> Cell:
    """A date with its interval below; red when it is now (unless it does no harm), quiet when it never is."""
    if date.month is None:
        sub = f"possible after {date.early:.1f}" if date.early is not None else ""
        return Cell(f"not within {view.months}{NB}months", date.sort, sub, "quiet")
    if date.month <= 0:
        tone = "bad" if harmful else ""
        if doubtful(date):
            return Cell("now", 0.0, f"0.0 to {date.late:.1f}")
        return Cell("now", 0.0, tone=tone)
    parts = (span_text(date, view), calendar_name(date.month, view))
    return Cell(f"{date.month:.1f}{NB}months", date.sort, "; ".join(part for part in parts if part))


def each(view: View, made: Callable[[View, str], Iterator[Table]]) -> tuple[Table, ...]:
    """The tables of the first arrangement, then those of the others, folded."""
    found = []
    for name in view.cases:
        for table in made(view, name):
            other = f"“{name}”: {table.fold}" if table.fold else f"the same for “{name}”"
            fold = table.fold if name == view.first else other
            found.append(Table(table.head, table.rows, table.caption, table.foot, fold))
    return tuple(found)


def _named(one: Json, view: View, text: str) -> Cell:
    """A limit by its size and whose it is, and since when where its team joins later."""
    since = f", from {view.month_name(one['since'])}" if one.get("since") else ""
    return Cell(text, f"{one.get('dimension', '~')} {one.get('per_minute') or 0:015.3f}", owner(one["name"]) + since)


def _share(value: Stat) -> Cell:
    return Cell(value_text(value, "share"), value.mean, half=half_text(value, "share"))


def breaks_tables(view: View, name: str) -> Iterator[Table]:
    """Every limit and cap with its dates, the earliest first; in a long table those that hold are folded."""
    head = (Head("What"), Head("Full", NUMBER), Head("Breaks", NUMBER), Head("First harmed"),
            Head("Traffic then", NUMBER))  # fmt: skip
    case = view.case(name)
    rows = [(when(one["breaks"]), _limit_row(view, one)) for one in case["limits"]]
    rows += [(when(one["reached"]), _cap_row(view, one)) for one in case["caps"]]
    rows.sort(key=lambda row: row[0].sort)
    coming = tuple(cells for date, cells in rows if date.month is not None or len(rows) <= LONG)
    holding = tuple(cells for date, cells in rows if date.month is None and len(rows) > LONG)
    caption = f"When each limit and each cap breaks, {name}"
    if coming:
        yield Table(head, coming, caption)
    if holding:
        yield Table(head, holding, f"{caption}: those that hold", fold=f"{len(holding)} that hold for all months")


def _limit_row(view: View, limit: Json) -> Row:
    harms, bears = limit["harms"], limit["bears"]
    harmed = Cell(harms["team"], sub=objective_text(harms["objective"], team=False)) if harms["team"] else Cell(MISSING)
    ahead = bears is not None and (limit["breaks"]["month"] or 0) > 0
    grown = Cell(f"×{NB}{bears:.2f}", bears) if ahead else Cell(MISSING, math.nan)
    full, breaks = when(limit["full"]), when(limit["breaks"])
    named = _named(limit, view, limit_text(limit))
    return named, date_cell(full, view, harmful=False), date_cell(breaks, view), harmed, grown


def _cap_row(view: View, cap: Json) -> Row:
    teams = ", ".join(cap["teams"][:3]) + (" …" if len(cap["teams"]) > 3 else "")
    date = date_cell(when(cap["reached"]), view)
    nothing = Cell(MISSING, math.nan)
    return _named(cap, view, f"cap of {money_rate(cap['amount'])}"), nothing, date, Cell(teams), nothing


def objectives_tables(view: View, name: str) -> Iterator[Table]:
    """Every objective: its value today, when it is missed, and what is to blame."""
    head = (Head("Objective"), Head("Today", NUMBER), Head("Missed", NUMBER), Head("Because of"))
    rows = tuple(_objective_row(view, name, one) for one in view.case(name)["objectives"])
    yield Table(head, rows, f"When each objective is missed, {name}")


def _objective_row(view: View, name: str, one: Json) -> Row:
    kind, value = kind_of(one["metric"]), stat(one, "now")
    since = f"from {view.month_name(one['since'])}" if one["since"] else ""
    sub = ", ".join(part for part in ("assumed" if one["assumed"] else "", since) if part)
    return (
        Cell(objective_text(one["text"]), sub=sub, tone="quiet" if sub else ""),
        Cell(value_text(value, kind), value.mean, half=half_text(value, kind)),
        date_cell(when(one["missed"]), view),
        Cell(_blame(one, view, name)),
    )


def _blame(one: Json, view: View, name: str) -> str:
    if one["missed"]["month"] is None:
        return MISSING
    limit = by_name(view.case(name)["limits"], one["cause"])
    if limit is not None:
        return f"{limit_text(limit)} ({owner(limit['name'])})"
    return one["cause"] or "no refusal: answer times or errors"


def room_tables(view: View, name: str) -> Iterator[Table]:
    """How full each limit is today."""
    head = (Head("Limit"), Head("Used", NUMBER), Head("Asked for", NUMBER), Head("In a busy minute", NUMBER),
            Head("In the busiest", NUMBER), Head("Refused", NUMBER), Head("Full in", NUMBER))  # fmt: skip
    rows = []
    for one in view.case(name)["limits"]:
        shares = [_share(stat(one["now"], key)) for key in ("used", "asked", "busy", "peak", "refused_share")]
        full = date_cell(when(one["full"]), view, harmful=False)
        rows.append((_named(one, view, limit_text(one)), *shares, full))
    if rows:
        yield Table(head, tuple(rows), f"How full each limit is today, {name}")


def shown_months(view: View) -> tuple[int, ...]:
    """The months that tables show: now, the quarters of the study, and the last."""
    run = [int(month) for month in view.lines(view.first, "total", "usd").months if month == int(month)]
    wanted = [view.months * quarter / 4 for quarter in range(5)]
    return tuple(dict.fromkeys(min(run, key=lambda month: abs(month - one)) for one in wanted))


def cost_tables(view: View, name: str) -> Iterator[Table]:
    """Dollars a month by team over the months, and all together."""
    months = shown_months(view)
    heads = ["Now" if month == 0 else view.month_name(month).capitalize() for month in months]
    head = (Head("Team"), *(Head(text, NUMBER) for text in heads), Head("Together", NUMBER))
    cost = view.case(name)["cost"]
    rows = tuple(
        (
            Cell(team, team, token=view.token(team)),
            *_usd(view, name, ("teams", team, "usd"), months, cost["teams"][team]),
        )
        for team in view.teams
        if team in cost["teams"]
    )
    foot = [(Cell("all teams", token="ink"), *_usd(view, name, ("total", "usd"), months, cost["total"]))]
    if stat(cost["all_served"], "last").mean > 1.01 * stat(cost["total"], "last").mean:
        served = _usd(view, name, ("total", "asked_usd"), months, cost["all_served"])
        foot.append((Cell("if nothing were refused", token="rest"), *served))
    yield Table(head, rows, f"Dollars a month by team, {name}", foot=tuple(foot))


def _usd(view: View, name: str, path: tuple[str, ...], months: Sequence[int], spent: Json) -> Row:
    line = view.lines(name, *path)
    return (*(_money(line.at(month)) for month in months), _money(stat(spent, "together")))


def _money(value: Stat) -> Cell:
    return Cell(value_text(value, "usd"), value.mean, half=half_text(value, "usd"))


def tier_table(view: View) -> Table:
    """Which tier each account needs from when on, and why; arrangements that need the same stand together."""
    several = len(view.cases) > 1
    head = (Head("Account"), *((Head("Arrangement"),) if several else ()), Head("Tier"), Head("From", NUMBER),
            Head("Because"), Head("By rates alone"))  # fmt: skip
    rows = []
    for names, name in grouped(view, lambda case: tier_dates(view, case)):
        for entry in view.case(name)["tiers"]:
            rates = _tiers_in_a_row(entry["by_rates"], view)
            for at, step in enumerate(entry["steps"]):
                date, because = when(step["from"]), step["because"]
                rows.append((
                    Cell(entry["account"]), *((Cell(names),) if several else ()),
                    Cell(tier_name(step["tier"], entry["provider"])), date_cell(date, view, harmful=False),
                    Cell(reason_text(because) if because else "the smallest is enough"), Cell("" if at else rates),
                ))  # fmt: skip
    return Table(head, tuple(rows), "Provider tiers that each account needs")


def _tiers_in_a_row(steps: Sequence[Json], view: View) -> str:
    """``Start; Build after 4.2 months``."""
    first, *later = [(short_tier(step["tier"]), when(step["from"])) for step in steps]
    rest = [f"{name} after {date.month:.1f}{NB}months" for name, date in later if date.month is not None]
    return "; ".join([first[0], *rest])


def what_if_table(view: View) -> Table:
    """All arrangements side by side: when each breaks, and what it does to success and cost."""
    last, tiered = view.month_name(view.months), any(view.case(name)["tiers"] for name in view.cases)
    tier_head = (Head("Tier then"),) if tiered else ()
    head = (Head("Arrangement"), Head("Lasts", NUMBER), Head("What breaks first"), Head(f"Success in {last}", NUMBER),
            Head("Cost now", NUMBER), Head(f"Cost in {last}", NUMBER), *tier_head)  # fmt: skip
    rows = []
    for name in view.cases:
        found, date = first_of(view, name)
        cost = view.case(name)["cost"]["total"]
        tier = (Cell(_last_tiers(view, name)),) if tiered else ()
        rows.append((
            Cell(name), date_cell(date, view), _short(view, name, found),
            _share(view.lines(name, "total", "success").at(view.months)),
            _money(stat(cost, "now")), _money(stat(cost, "last")), *tier,
        ))  # fmt: skip
    return Table(head, tuple(rows), "The arrangements side by side")


def _short(view: View, name: str, found: Json | None) -> Cell:
    """What breaks first, and for whom."""
    if found is None:
        return Cell("nothing")
    case = view.case(name)
    if found["kind"] == "limit":
        limit = by_name(case["limits"], found["name"])
        assert limit is not None
        return Cell(limit_text(limit), sub=f"{owner(limit['name'])}, for {limit['harms']['team']}")
    if found["kind"] == "cap":
        cap = by_name(case["caps"], found["name"])
        assert cap is not None
        return Cell(f"cap of {money_rate(cap['amount'])}", sub=owner(cap["name"]))
    return Cell(objective_text(found["name"]))


def _last_tiers(view: View, name: str) -> str:
    return (
        ", ".join(dict.fromkeys(short_tier(entry["steps"][-1]["tier"]) for entry in view.case(name)["tiers"]))
        or MISSING
    )
