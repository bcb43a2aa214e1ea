"""The result in a terminal: 80 columns, colours only where asked, nothing that steers the terminal."""

from __future__ import annotations

import io
import re

import pytest

from sim.report import (
    capacity_terminal,
    cost_terminal,
    fit_terminal,
    import_terminal,
    migrate_terminal,
    tune_terminal,
    validate_terminal,
)
from sim.report.console import BARS, scaled
from sim.report.terminal import spark, text, visible, wants_colour
from sim.study.result import read
from tests.samples import FOLDER
from tests.unit import report_sample as sample

KINDS = {
    "tune": tune_terminal.text, "capacity": capacity_terminal.text, "cost": cost_terminal.text,
    "import": import_terminal.text,
}  # fmt: skip
PLAIN = {"fit": fit_terminal.text, "migrate": migrate_terminal.text, "validate": validate_terminal.text}
"""Kinds whose tables have no room for spark lines, or nothing to draw them of."""

CASES = {
    "two": sample.summary(),
    "ladder": sample.summary(sample.TEN, sample.RUNGS),
    "many": sample.summary(sample.forty_seven()),
    "single": sample.summary(configurations=("shared",), single=True),
    "hostile": sample.summary((*sample.HOSTILE, "x\x1b[2Jy"), ("shared", "b[red]old[/red]")),
}


@pytest.mark.parametrize("width", [40, 80, 100, 140])
@pytest.mark.parametrize("case", CASES)
def test_lines_fit(case, width):
    lines = text(CASES[case], width=width, colour=False).splitlines()
    assert max(map(len, lines)) <= max(80, width)
    assert not any("\x1b" in line for line in lines)


def test_the_answer_opens_and_the_table_follows():
    shown = text(CASES["two"], width=80, colour=False)
    assert shown.startswith("On the shared key checkout loses 31.4 % ± 2.1 of its requests")
    row = next(line for line in shown.splitlines() if line.startswith("checkout"))
    assert row.split()[1:4] == ["shared", "68.6", "%"]
    assert "± 2.1" in row
    assert "$8.52" in row
    assert "Objectives: 1 of 2 met" in shown
    assert "✗ shared: checkout: success ≥ 99.5 %" in shown


def test_a_wide_terminal_shows_every_interval():
    shown = text(CASES["two"], width=140, colour=False)
    row = next(line for line in shown.splitlines() if line.startswith("checkout"))
    assert row.count("±") == 5


def test_smaller_teams_are_counted():
    assert "37 smaller teams are in the report." in text(CASES["many"], width=80, colour=False)


def test_one_configuration_has_no_column_for_it():
    shown = text(CASES["single"], width=80, colour=False)
    assert "config" not in shown
    assert "success" in shown


def test_colours_only_where_asked():
    assert "\x1b[" in text(CASES["two"], width=80, colour=True)
    assert "\x1b[" not in text(CASES["two"], width=80)


def test_colour_needs_a_terminal_and_no_objection(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert wants_colour(Terminal())
    assert not wants_colour(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_colour(Terminal())
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not wants_colour(Terminal())


def test_names_are_taken_literally():
    shown = text(CASES["hostile"], width=140, colour=False)
    assert "b[red]old[/red]" in shown
    assert "\ufffd" in shown
    assert visible("a\x1b]0;x\x07b\n") == "a\ufffd]0;x\ufffdb\ufffd"


def test_spark_lines():
    assert spark([]) == ""
    assert spark([0, 0.5, 1]) == "▁▅█" or spark([0, 0.5, 1]) == "▁▄█"
    assert spark([1.0] * 60, 12) == "█" * 12
    assert len(spark([0.5] * 61, 12)) <= 12
    assert spark([-1.0, 2.0]) == "▁█"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_fits_and_has_its_table_intervals_and_spark_lines(kind):
    summary = read(FOLDER / kind).summary
    for width in (40, 80, 120):
        lines = KINDS[kind](summary, width=width, colour=False).splitlines()
        assert max(map(len, lines)) <= max(80, width)
        assert not any("\x1b" in line for line in lines)
    shown = "\n".join(lines)
    assert set(shown) & set(BARS), "a spark line where there is room"
    assert kind == "import" or "±" in shown
    assert lines[0] in shown.split("\n\n")[0], "the answer opens"
    assert "\x1b[" in KINDS[kind](summary, width=80, colour=True)
    assert "\x1b" not in KINDS[kind]({**summary}, width=80)


def test_sparks_of_amounts_stand_beside_their_largest():
    assert scaled([1, 2, 4]) == [0.25, 0.5, 1.0]
    assert scaled([0, 0]) == [0.0, 0.0]
    assert scaled([]) == []


@pytest.mark.parametrize("kind", PLAIN)
def test_other_kinds_fit_with_no_number_cut(kind):
    summary = read(FOLDER / kind).summary
    for width in (40, 80, 120):
        lines = PLAIN[kind](summary, width=width, colour=False).splitlines()
        assert max(map(len, lines)) <= max(80, width)
        assert not any(re.search(r"\d…", line) for line in lines), "a number is cut"
    assert "\x1b[" in PLAIN[kind](summary, width=80, colour=True)
    assert "\x1b" not in PLAIN[kind](summary, width=80)
