"""The section of a report on refused content that people review."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sim.report.cast import Cast, Summary
from sim.report.document import NUMBER, Cell, Head, Section, Table
from sim.report.numbers import half_text, stat, value_text
from sim.units import SECOND, duration_text

_COLUMNS = (
    ("items", "To review", "count"),
    ("wait_mean_s", "Mean wait", "seconds"),
    ("wait_p95_s", "Wait p95", "seconds"),
    ("wait_longest_s", "Longest wait", "seconds"),
    ("longest_queue", "Longest queue", "count"),
    ("busy_share", "Reviewers busy", "share"),
    ("open_at_end", "Open at the end", "count"),
)
_HOW = (
    "Each request that was refused for its content is looked at once, in the order of the refusals; "
    "reviewers work round the clock."
)


def review_sections(summary: Summary, cast: Cast) -> tuple[Section, ...]:
    """The section, or nothing where a scenario has no reviewers (or kept no attempts)."""
    if not any(summary["configurations"][name].get("reviews") for name in cast.configurations):
        return ()
    blocks = _desks(summary, cast), _who(summary, cast, "teams", "Team"), _who(summary, cast, "categories", "Category")
    return (Section("review", "Review of refused content", _HOW, blocks),)


def _each(summary: Summary, cast: Cast) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every desk of every configuration."""
    for name in cast.configurations:
        for desk in summary["configurations"][name].get("reviews") or ():
            yield name, desk


def _number(desk: Mapping[str, Any], metric: str, kind: str) -> Cell:
    value = stat(desk, metric)
    return Cell(value_text(value, kind), value.mean, half=half_text(value, kind))


def _desks(summary: Summary, cast: Cast) -> Table:
    head = (Head("Configuration"), Head("Reviewers"), *(Head(label, NUMBER) for _, label, _ in _COLUMNS))
    rows = tuple(
        (Cell(name), Cell(_people(desk)), *(_number(desk, metric, kind) for metric, _, kind in _COLUMNS))
        for name, desk in _each(summary, cast)
    )
    return Table(head, rows, "What reviewers have to do, and how long it waits for them")


def _people(desk: Mapping[str, Any]) -> str:
    return f"{desk['reviewers']} × {duration_text(round(desk['each_s'] * SECOND))} a request"


def _who(summary: Summary, cast: Cast, part: str, heading: str) -> Table:
    """Items by team or by category, without those that send nothing."""
    head = (Head(heading), Head("Configuration"), Head("To review", NUMBER))
    words = dict.fromkeys(word for _, desk in _each(summary, cast) for word in desk[part])
    rows = tuple(
        (_name(word, cast), Cell(name), _number(desk[part], word, "count"))
        for word in words
        for name, desk in _each(summary, cast)
        if stat(desk[part], word).mean > 0
    )
    return Table(head, rows, f"Refused content by {heading.lower()}")


def _name(word: str, cast: Cast) -> Cell:
    return Cell(word, word, token=cast.token(word) if word in cast.teams else "")
