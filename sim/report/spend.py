"""Spend by project in a report, and whether a bill can tell the teams apart at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sim.report.cast import Summary, configurations, place
from sim.report.cautions import capital, counted, joined
from sim.report.document import NUMBER, Block, Cell, Head, Table
from sim.report.numbers import MISSING, Stat, half_text, stat, value_text

SHOWN = 12
"""Rows of the table of projects that are not folded away."""
NAMED = 4
"""Teams on one line that are named; of more, the number is told."""
WHOLE = 0.9995


def _spend(summary: Summary, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = summary["configurations"][name].get("spend") or {}
    return found


def intro(summary: Summary) -> str:
    """Which configurations can tell each team's spend, and by what."""
    kinds: dict[str, list[str]] = {}
    for name in configurations(summary):
        if _spend(summary, name):
            kinds.setdefault(_verdict(summary, name), []).append(place(summary, name))
    return " ".join(f"{capital(joined(places))} {verdict}" for verdict, places in kinds.items())


def _verdict(summary: Summary, name: str) -> str:
    told, teams = _spend(summary, name)["told_apart"], len(summary["configurations"][name]["teams"])
    if teams == 1:
        return "all spend is of one team."
    level = next((one for one in ("account", "project", "key") if (told[one] or 0) >= WHOLE), None)
    if level is not None:
        behind = summary["configurations"][name].get("isolation") == "gateway" and level != "account"
        log = " in the gateway’s log; the provider’s own bill has a line for all" if behind else ""
        return f"each team’s spend can be told, by {level}{log}."
    if not told["key"]:
        return f"no team’s spend can be told: one line stands for {counted(teams, 'team')}."
    return f"{value_text(Stat(told['key']), 'share')} of the spend can be told by team, the rest shares keys."


def blocks(summary: Summary) -> Iterator[Block]:
    """What each level of the bill tells, and the spend of each project; nothing where nothing is known."""
    names = [name for name in configurations(summary) if _spend(summary, name)]
    if not names:
        return
    head = (Head("Configuration"), Head("Lines by account", NUMBER), Head("Lines by project", NUMBER),
            Head("Lines by key", NUMBER), Head("Told apart: by account", NUMBER), Head("… by project", NUMBER),
            Head("… by key", NUMBER))  # fmt: skip
    yield Table(head, tuple(_levels(summary, name) for name in names), "What a bill tells of each configuration")
    heads = (Head("Configuration"), Head("Project"), Head("Teams"), Head("Cost", NUMBER), Head("Share", NUMBER))
    rows = [_project(summary, name, line) for name in names for line in _spend(summary, name)["by_project"]]
    yield Table(heads, tuple(rows[:SHOWN]), "Spend by project")
    if rows[SHOWN:]:
        yield Table(heads, tuple(rows[SHOWN:]), "Spend by project", fold=f"{len(rows) - SHOWN} more projects")


def _levels(summary: Summary, name: str) -> tuple[Cell, ...]:
    found = _spend(summary, name)
    counts = [len(found[f"by_{level}"]) for level in ("account", "project", "key")]
    shares = [found["told_apart"][level] for level in ("account", "project", "key")]
    return (Cell(name), *(Cell(str(count), count) for count in counts), *map(_apart, shares))


def _apart(share: float | None) -> Cell:
    """Yes, no, or how much."""
    if share is None:
        return Cell(MISSING)
    if share >= WHOLE:
        return Cell("✓ all", share, tone="good")
    return Cell("✗ nothing", share, tone="bad") if share == 0 else Cell(value_text(Stat(share), "share"), share)


def _project(summary: Summary, name: str, line: Mapping[str, Any]) -> tuple[Cell, ...]:
    cost, total = stat(line, "cost_usd"), stat(summary["configurations"][name]["total"], "cost_usd")
    share = Stat(cost.mean / total.mean) if total.mean > 0 else Stat(float("nan"))
    return (
        Cell(name), Cell(project_text(line)), Cell(_who(line["teams"])),
        Cell(value_text(cost, "usd"), cost.mean, half=half_text(cost, "usd")),
        Cell(value_text(share, "share"), share.mean),
    )  # fmt: skip


def project_text(line: Mapping[str, Any]) -> str:
    """``account/project``; the account alone where that is its only project."""
    return str(line["account"] if line["project"] == "default" else f"{line['account']}/{line['project']}")


def _who(teams: list[str]) -> str:
    return ", ".join(teams) if len(teams) <= NAMED else counted(len(teams), "team")
