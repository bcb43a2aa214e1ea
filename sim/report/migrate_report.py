"""The report of a migration: from its folder's ``summary.json`` to a page, a runbook and a table."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sim.report.assumptions import assumptions
from sim.report.charts import chart
from sim.report.document import Block, Chart, Document, Section, Text
from sim.report.figures import migrate_risk, migrate_steps
from sim.report.figures.base import Sheet
from sim.report.frame import write
from sim.report.migrate_csv import steps_csv
from sim.report.migrate_runbook import runbook
from sim.report.migrate_tables import (
    calendar_table,
    changes_table,
    decision_table,
    incidents_table,
    keys_table,
    objectives_table,
    orders_table,
    projects_table,
    rollback_table,
    unfixed_table,
)
from sim.report.migrate_view import View
from sim.report.migrate_words import details, headline, question, warnings
from sim.report.numbers import NB
from sim.report.saved import read_json

FILE = "summary.json"
DOWNLOADS = (
    (FILE, "every number of this page"),
    ("runbook.md", "what to do at each step, as a checklist"),
    ("steps.csv", "the steps, for a spreadsheet"),
    ("scenario.yaml", "the replay of the log, as a scenario"),
    ("manifest.json", "scenario, versions and command"),
    ("report.md", "this report as Markdown"),
)


def render(directory: Path) -> Path:
    """Write the report of the study in ``directory`` from its summary.json. Raises BadInput without one."""
    summary, manifest = read_json(directory / FILE, "migrate"), read_json(directory / "manifest.json", "migrate")
    view = View(summary)
    files = {"runbook.md": runbook(view), "steps.csv": steps_csv(view)}
    return write(directory, document(summary, manifest), files)


def document(summary: Mapping[str, Any], manifest: Mapping[str, Any]) -> Document:
    """The whole report."""
    view = View(summary)
    return Document(
        kind="migrate", name=summary["scenario"]["name"], question=question(view),
        headline=headline(view), details=details(view), warnings=warnings(view), sections=tuple(_sections(view)),
        assumptions=tuple(_assumptions(view, manifest)),
        command=shlex.join(str(word) for word in manifest.get("command") or ("keystorm", "migrate")),
        facts=tuple(_facts(summary, manifest)), downloads=DOWNLOADS,
    )  # fmt: skip


def _sections(view: View) -> Iterator[Section]:
    count = view.summary["replications"]
    yield Section("plan", "The plan", (
        f"Risk: services as good as down, means of {count} replications with half their 95{NB}% interval; below it the "
        "paired difference. Below a team: how much more or less of its requests it loses, in points."
    ), _blocks(decision_table(view), _chart("risk", migrate_risk.draw, view), orders_table(view)))  # fmt: skip
    yield Section("changes", "Who is better off, who is hurt", (
        "Loss is the share of a team’s own requests without an answer in time, averaged over the traffic as it is and "
        f"the drills. Listed is what lies beyond chance (95{NB}%) and a tenth of a point."
    ), (changes_table(view),))  # fmt: skip
    yield Section("calendar", "Calendar", (
        f"Go back when the 429 share of a key over {view.summary['watch_s'] / 60:.0f}{NB}minutes leaves the 95{NB}% "
            "prediction interval of what was simulated for it without any fault (half a point above the mean at least)."
        ), _blocks(_chart("steps", migrate_steps.draw, view), calendar_table(view)))  # fmt: skip
    yield Section("projects", "Projects, limits, caps", _limits(view), (projects_table(view), keys_table(view)))
    yield from _incidents(view)
    yield Section("unfixed", "What isolation will not fix", "", (unfixed_table(view),))
    yield Section("objectives", "Objectives", "On the traffic as it is.", (objectives_table(view),))
    yield Section("rollback", "Going back", (
        "Each step’s rollback.yaml was read back and run on the same draws: its outcomes are those of the "
        "state before, "
        "request by request."
    ), (rollback_table(view),))  # fmt: skip
    yield Section("runbook", "Runbook", "The file runbook.md.", (Text(code=runbook(view)),))


def _incidents(view: View) -> Iterator[Section]:
    table = incidents_table(view)
    if table is not None:
        yield Section("incidents", "When something goes wrong", (
            "Services that fall below their objective while the incident lasts, means over replications; "
            "below the number "
            "the teams that do in most of them."
        ), (table,))  # fmt: skip


def _limits(view: View) -> str:
    if not view.limited:
        return "On this rung projects have keys, but no limits and no caps of their own."
    limits, caps = view.summary["limits"], view.summary["caps"]
    headroom = limits["headroom"].get("rpm")
    if headroom is None:
        first = (
            "The account gives less than all need: it is divided so that the worst shortfall is as small as possible."
        )
    else:
        first = f"Limits are {100 * (headroom - 1):.0f}{NB}% above the smallest that meet each project’s objectives."
    return (
        f"{first} A cap is {caps['margin']:g} times the 95th percentile of a month "
        f"({caps['p95_over_mean']:.2f} times its "
        "mean, if days differ by half of theirs), rounded up."
    )


def _chart(name: str, draw: Callable[[View, int], Sheet | None], view: View) -> Chart | None:
    return chart(name, partial(draw, view))


def _blocks(*blocks: Block | None) -> tuple[Block, ...]:
    return tuple(block for block in blocks if block is not None)


def _assumptions(view: View, manifest: Mapping[str, Any]) -> Iterator[str]:
    summary = view.summary
    yield summary["risk"]["rule"]
    for one in summary["situations"][1:]:
        yield f"{one['name'].capitalize()} (weight {one['weight']:.2f}): {'; '.join(one['faults'])}."
    yield (
        "A step is over at once: while its services take up the new key some are still on the old one, and both work."
    )
    yield (
        "Limits are searched on this very traffic. What a month has that this stretch does not is in the "
        "headroom or in "
        "nothing: monitor, and adjust after the first week."
    )
    if summary["rung"] == "gateway":
        yield "A ban of a key behind the gateway is taken to hit the whole account, those who have not moved included."
    if summary["rung"] == "accounts":
        yield "Every new account has the limits that today’s has."
    yield from assumptions(summary, manifest)


def _facts(summary: Mapping[str, Any], manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    versions = ", ".join(f"{name} {version}" for name, version in (manifest.get("versions") or {}).items())
    order = summary["order"]
    pairs = (
        ("today", summary["today"]["name"]), ("to", summary["rung"]), ("seed", summary["seed"]),
        ("replications", f"{summary['replications']}, of which {order['replications']} for the order"),
        ("states that were run for the order", order["evaluated"]), ("engine", summary["engine"]),
        ("scenario sha256", summary["scenario"]["sha256"]),
        ("digest of the first run at the end, equal in two engines", summary["checks"]["digest"]),
        ("keystorm", manifest.get("keystorm", "")), ("versions", versions),
    )  # fmt: skip
    yield from ((label, str(value)) for label, value in pairs if str(value))
