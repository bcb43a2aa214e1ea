"""Spend by account, project and key: the lines of a bill, and whose they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sim.metrics.context import KeyInfo
from sim.metrics.spend import spend
from sim.report import spend as report
from sim.report.document import Table
from tests.unit import report_sample as sample
from tests.unit.metric_tables import context, scenario

COST = np.array([[1.0, 2.0, 4.0, 7.0], [3.0, 2.0, 0.0, 5.0]])
"""Dollars of teams a, b, c and their total in two replications."""
RUNGS = {
    "shared": [KeyInfo("shared", "default", "default", ("a", "b", "c"))],
    "keys": [KeyInfo("shared", "default", team, (team,)) for team in "abc"],
    "projects": [KeyInfo("shared", team, "default", (team,)) for team in "abc"],
    "accounts": [KeyInfo(team, "default", "default", (team,)) for team in "abc"],
    "mixed": [KeyInfo("x", "one", "k", ("a", "b")), KeyInfo("x", "two", "k", ("c",))],
}


def found(rung: str) -> dict[str, Any]:
    return spend(COST, RUNGS[rung], context(scenario({"a": 1, "b": 1, "c": 1}, replications=2)))


@pytest.mark.parametrize(
    ("rung", "lines", "told"),
    [
        ("shared", (1, 1, 1), (0, 0, 0)),
        ("keys", (1, 1, 3), (0, 0, 1)),
        ("projects", (1, 3, 3), (0, 1, 1)),
        ("accounts", (3, 3, 3), (1, 1, 1)),
        ("mixed", (1, 2, 2), (0, 1 / 3, 1 / 3)),  # c's 4 of 12
    ],
)
def test_each_level_of_a_bill_tells_what_it_can(rung: str, lines: tuple[int, ...], told: tuple[float, ...]) -> None:
    side = found(rung)
    assert tuple(len(side[f"by_{level}"]) for level in ("account", "project", "key")) == lines
    assert tuple(side["told_apart"].values()) == pytest.approx(told)


def test_lines_add_up_to_the_total_at_every_level() -> None:
    for rung in RUNGS:
        for level in ("account", "project", "key"):
            assert sum(line["cost_usd"]["mean"] for line in found(rung)[f"by_{level}"]) == pytest.approx(6.0)
    first = found("mixed")["by_project"][0]
    assert (first["account"], first["project"], first["teams"]) == ("x", "one", ["a", "b"])
    assert first["cost_usd"]["mean"] == 4.0


def test_keys_of_one_name_in_two_projects_are_two_lines() -> None:
    assert [line["key"] for line in found("mixed")["by_key"]] == ["k", "k"]


def told(**sides: str) -> dict[str, Any]:
    """A summary whose configurations spend as these rungs do."""
    summary = sample.summary(("a", "b", "c"), tuple(sides))
    for name, rung in sides.items():
        summary["configurations"][name]["spend"] = found(rung)
    return summary


def test_the_report_says_where_a_team_s_spend_can_be_told() -> None:
    text = report.intro(told(shared="shared", keys="keys", projects="projects", gateway="projects", mine="mixed"))
    assert "On the shared key no team’s spend can be told: one line stands for three teams." in text
    assert "With a key for each team each team’s spend can be told, by key." in text
    assert "With projects each team’s spend can be told, by project." in text
    assert "by project in the gateway’s log; the provider’s own bill has a line for all." in text
    assert "33.3\u00a0% of the spend can be told by team, the rest shares keys." in text


def test_the_tables_have_a_row_a_configuration_and_a_row_a_project() -> None:
    levels, projects = report.blocks(told(shared="shared", projects="projects"))
    assert isinstance(levels, Table)
    assert isinstance(projects, Table)
    assert [cell.text for cell in levels.rows[1]] == ["projects", "1", "3", "3", "✗ nothing", "✓ all", "✓ all"]
    assert [[cell.text for cell in row[:3]] for row in projects.rows] == [
        ["shared", "shared", "a, b, c"],
        ["projects", "shared/a", "a"], ["projects", "shared/b", "b"], ["projects", "shared/c", "c"],
    ]  # fmt: skip


def test_a_summary_without_spend_has_no_such_section() -> None:
    assert not list(report.blocks(sample.summary()))
