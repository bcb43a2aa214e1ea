"""The tables of a migration report."""

from __future__ import annotations

import math
from collections.abc import Iterator

from sim.report.document import NUMBER, Cell, Head, Table
from sim.report.migrate_view import (
    Json,
    View,
    bound_text,
    day_text,
    limits_text,
    names_text,
    percent,
    points,
    risk_text,
    usd,
    value_of,
    when_text,
)
from sim.report.numbers import MISSING, NB, Stat, half_text, number, stat, value_text
from sim.report.objectives import objective_text

LONG = 14
"""Rows from which on a table is folded."""


def _risk_cell(value: Stat, sub: str = "", tone: str = "") -> Cell:
    return Cell(risk_text(value), value.mean, sub, tone, half_text(value, "count"))


def decision_table(view: View) -> Table:
    """One row a step: what moves, what it does to the risk, who is better and who worse off, what stays."""
    head = (Head("Step"), Head("When"), Head("Moves"), Head("Risk", NUMBER), Head("Better off"), Head("Hurt"),
            Head("Still shared"), Head("Objectives met", NUMBER))  # fmt: skip
    rows = tuple(_decision_row(view, step) for step in view.steps)
    return Table(head, rows, "Steps, their risk, and whom they help or hurt")


def _decision_row(view: View, step: Json) -> tuple[Cell, ...]:
    met, slot = view.states[step["number"]]["objectives"], step["slot"]
    moved = f"after the {slot['moved'].split()[0]}" if slot["moved"] else ""
    sub = ("canary; " if step["canary"] else "") + _services(step, view)
    first = step["projects"][0]
    return (
        Cell(str(step["number"]), step["number"]),
        Cell(when_text(step), slot["offset"], moved, "quiet" if moved else ""),
        Cell(names_text(step["projects"]), first, sub, "quiet"), _risk_of(step), _people(step["improved"], "good"),
        _people(step["hurt"], "bad"), _left(step["shared"]), Cell(f"{met['met']} of {met['of']}", met["met"]),
    )  # fmt: skip


def _risk_of(step: Json) -> Cell:
    """Before and after a step, and below it the paired difference."""
    before, after, change = (stat(step, f"risk_{name}") for name in ("before", "after", "change"))
    tone = "" if not change.differs else "good" if change.mean < 0 else "bad"
    below = f"{number(change.mean, 2, sign=True)} {half_text(change, 'count')}".strip()
    return Cell(f"{risk_text(before)} → {risk_text(after)}", after.mean, below, tone)


def _left(shared: Json) -> Cell:
    if not shared["teams"]:
        return Cell("nobody", 0.0)
    under = limits_text(shared["after"]) if shared["after"] else "limits as today"
    return Cell(percent(shared["requests_share"]), shared["requests_share"], under, "quiet")


def _services(step: Json, view: View) -> str:
    count = sum(view.projects[name]["services"] for name in step["projects"])
    return f"{count} service{'s' if count != 1 else ''}"


def _people(rows: list[Json], tone: str) -> Cell:
    """The teams that a step changes, the most affected first, with its change of loss."""
    if not rows:
        return Cell(MISSING, 0)
    first = rows[0]
    return Cell(names_text([one["team"] for one in rows]), len(rows),
                f"{first['team']}: {points(stat(first, 'change'))} lost", tone)  # fmt: skip


def changes_table(view: View) -> Table:
    """Every team that a step changes, with the paired difference and its interval."""
    head = (Head("Step"), Head("Team"), Head("Services", NUMBER), Head("Loses before", NUMBER),
            Head("Loses after", NUMBER), Head("Change", NUMBER),
            Head("Success on ordinary traffic", NUMBER))  # fmt: skip
    rows = tuple(
        _change_row(step, one, tone) for step in view.steps for one, tone in
        (*((one, "good") for one in step["improved"]), *((one, "bad") for one in step["hurt"]))
    )  # fmt: skip
    fold = f"{len(rows)} changes" if len(rows) > LONG else ""
    return Table(head, rows, "Who is better or worse off after each step", fold=fold)


def _change_row(step: Json, one: Json, tone: str) -> tuple[Cell, ...]:
    change, ordinary = stat(one, "change"), stat(one, "success_change")
    before, after = stat(one, "loss_before"), stat(one, "loss_after")
    return (
        Cell(str(step["number"]), step["number"]), Cell(one["team"]), Cell(str(one["services"]), one["services"]),
        Cell(value_text(before, "share"), before.mean, half=half_text(before, "share")),
        Cell(value_text(after, "share"), after.mean, half=half_text(after, "share")),
        Cell(points(change), change.mean, tone=tone, half=half_text(change.scaled(100), "count")),
        Cell(points(ordinary), ordinary.mean, half=half_text(ordinary.scaled(100), "count")),
    )  # fmt: skip


def orders_table(view: View) -> Table:
    """The chosen order beside others."""
    order = view.summary["order"]
    head = (Head("Order"), Head("Mean risk on the way", NUMBER), Head("First step"), Head("Risk after it", NUMBER))
    rows = []
    for one in (order["chosen"], *order["others"]):
        worse = one["exposure"] - order["chosen"]["exposure"]
        sub = "" if abs(worse) < 0.005 else f"{number(worse, 2, sign=True)}"
        rows.append((Cell(one["name"]), Cell(number(one["exposure"], 2), one["exposure"], sub,
                          "bad" if worse > 0 else "good"),
                     Cell(names_text(one["waves"][0])), Cell(number(one["risks"][1], 2), one["risks"][1])))  # fmt: skip
    return Table(head, tuple(rows), "This order and others")


def projects_table(view: View) -> Table:
    """The projects: who is in them, why, what they need and get."""
    head = [Head("Project"), Head("Why"), Head("Requests", NUMBER), Head("Month", NUMBER)]
    head += [Head("Needs"), Head("Gets"), Head("Spend cap a month", NUMBER)] if view.limited else []
    rows = tuple(_project_row(view, one) for one in view.projects.values())
    return Table(tuple(head), rows, "Projects, their limits and caps")


def _project_row(view: View, one: Json) -> tuple[Cell, ...]:
    teams = "" if one["teams"] == [one["name"]] else names_text(one["teams"], 6)
    cells = [
        Cell(one["name"], sub=teams, tone="quiet", token=view.token(one["name"])),
        Cell("; ".join(text for about, text in one["reasons"].items() if about != "size")),
        Cell(percent(one["requests_share"]), one["requests_share"]),
        Cell(value_text(Stat(one["month_usd"]), "usd"), one["month_usd"]),
    ]  # fmt: skip
    if view.limited:
        short = f"short by {percent(one['shortfall'])}" if one["shortfall"] > 0 else ""
        cap = one["cap_usd"]
        cells += [
            Cell(limits_text([one["need"]])), Cell(limits_text(one["limits"]), sub=short, tone="bad" if short else ""),
            Cell(MISSING, math.nan) if cap is None
            else Cell(usd(cap), cap, f"alert at {usd(0.8 * cap)}", "quiet"),
        ]  # fmt: skip
    return tuple(cells)


def keys_table(view: View) -> Table:
    """What each key is called, and where services read it from."""
    rows = tuple((Cell(one["name"]), Cell(one["key"]), Cell(one["env"]), Cell(names_text(one["teams"], 8)))
                 for one in view.projects.values())  # fmt: skip
    head = (Head("Project"), Head("Key"), Head("Variable"), Head("Teams"))
    return Table(
        head, rows, "Names of keys and of the variables that services read", fold="names of keys and variables"
    )


def incidents_table(view: View) -> Table | None:
    """What each drill takes down today, half-way and at the end."""
    if not view.states[0]["incidents"]:
        return None
    middle = len(view.states) // 2
    chosen = [0, middle, len(view.states) - 1] if len(view.states) > 3 else list(range(len(view.states)))
    names = {0: "today", len(view.states) - 1: "at the end"}
    head = (Head("Who goes wrong"), Head("Incident"),
            *(Head(f"Services below, {names.get(at, f'after step {at}')}", NUMBER) for at in chosen))  # fmt: skip
    rows = []
    for at, first in enumerate(view.states[0]["incidents"]):
        found = [view.states[state]["incidents"][at] for state in chosen]
        cells = [Cell(number(one["services_below"], 1 if one["services_below"] % 1 else 0), one["services_below"],
                      names_text(one["hit"], 2) if one["hit"] else "", "quiet") for one in found]  # fmt: skip
        rows.append((Cell(first["team"]), Cell(first["incident"]), *cells))
    return Table(
        head, tuple(rows), "Blast radius of each drill", fold=f"{len(rows)} drills" if len(rows) > LONG else ""
    )


def calendar_table(view: View) -> Table:
    """When each step happens, what is watched, when to go back, and who has to know."""
    head = (Head("Step"), Head("When"), Head("Watch until"), Head("Go back when"), Head("Tell"))
    return Table(head, tuple(_calendar_row(view, step) for step in view.steps), "Calendar, watch and who to tell")


def _calendar_row(view: View, step: Json) -> tuple[Cell, ...]:
    slot = step["slot"]
    every = view.summary["calendar"]["every_days"]
    until = day_text(slot["until"]) or f"{every} working day{'s' if every != 1 else ''} later"
    tell = "; ".join(f"{names_text(one['who'])}: {one['why']}" for one in step["tell"])
    bounds = "; ".join(bound_text(one) for one in step["watch"])
    return (
        Cell(str(step["number"]), step["number"]),
        Cell(when_text(step).replace(" ", NB), slot["offset"]), Cell(until.replace(" ", NB)),
        Cell(bounds), Cell(tell),
    )  # fmt: skip


def rollback_table(view: View) -> Table:
    """What going back from each step gives, and which limits have to be put back."""
    head = (Head("Back from step"), Head("Risk then", NUMBER), Head("Hurt by going back"),
            Head("Shared key’s limits again"), Head("Restores the state before"))  # fmt: skip
    rows = tuple(
        (Cell(str(step["number"]), step["number"]), _risk_cell(stat(step["rollback"], "risk")),
         Cell(names_text(step["rollback"]["hurt"])), Cell(_restore(view, step)),
         Cell("✓ same digest" if step["rollback"]["restores"] else "✗", tone="good"))
        for step in view.steps
    )  # fmt: skip
    return Table(head, rows, "Going back, step by step")


def _restore(view: View, step: Json) -> str:
    if step["rollback"]["limits"]:
        return limits_text(step["rollback"]["limits"])
    if step["number"] == 1:
        return f"the account’s own ({limits_text(view.summary['today']['limits'])})"
    return "unchanged"


def unfixed_table(view: View) -> Table:
    """What isolation does not fix, what was simulated of it, and who says so."""
    head = (Head("What isolation will not fix"), Head("Simulated here"), Head("Source"))
    rows = tuple(
        (Cell(one["says"]), Cell(one["shown"].removeprefix("Simulated: ") or MISSING),
         Cell(one["source"], sub=one["date"], tone="quiet"))
        for one in view.summary["warnings"]
    )  # fmt: skip
    return Table(head, rows, "What isolation will not fix on this rung")


def objectives_table(view: View) -> Table:
    """Every objective at the end, beside what it is today."""
    head = (Head("Objective"), Head("At the end", NUMBER), Head("Verdict"))
    rows = tuple(
        (Cell(objective_text(one["text"]), sub="assumed" if one["source"] == "assumed" else "", tone="quiet"),
         Cell(value_of(one["metric"], one["value"]), stat(one, "value").mean,
              half=half_text(stat(one, "value"), "share")),
         Cell("✓ met", tone="good") if one["met"] else Cell("✗ missed", tone="bad"))
        for one in view.summary["objectives"]
    )  # fmt: skip
    return Table(
        head, rows, "Objectives after the last step", fold=f"{len(rows)} objectives" if len(rows) > LONG else ""
    )


def capacity_rows(view: View) -> Iterator[tuple[str, str]]:
    """The capacity in all, state by state, where it changes."""
    for state in view.states:
        rate = state["capacity"].get("requests_per_min")
        yield state["name"], "unlimited" if rate is None else f"{number(rate, 0)}/min"
