"""Who is where: a row a project, from the shared key to its own, step by step, with the days below."""

from __future__ import annotations

from sim.report.figures.base import Canvas, Sheet, cut, length
from sim.report.migrate_view import View, day_text, percent, when_text
from sim.report.style import GRID, INK, MUTED, SMALL, TEXT

LINE, GAP = 19.0, 3.0
MOST = 30
"""Rows; further projects are in the tables."""


def draw(view: View, width: int) -> Sheet | None:
    """The figure at ``width`` pixels."""
    moves = {name: step["number"] for step in view.steps for name in step["projects"]}
    names = sorted(moves, key=lambda name: (moves[name], list(view.projects).index(name)))[:MOST]
    room = min(max(length(name, TEXT) for name in names) * 1.1 + 20, 230.0 if width > 500 else 110.0)
    right = 54.0
    each = (width - room - right) / (len(view.steps) + 1)
    height = len(names) * LINE
    canvas = Canvas(width, height + 66, 24)
    canvas.key(0, -14, [(GRID, "on the shared key"), (view.colour(names[0]), "on its own")])
    for at, name in enumerate(names):
        _row(canvas, view, name, at * LINE, (room, each, moves[name], width))
    _days(canvas, view, (room, each, height))
    hidden = len(moves) - len(names)
    subtitle = "Columns: today, then the state after each step; at the right the project’s part of all requests"
    subtitle += f"; {hidden} more projects move later" if hidden else ""
    title = _finding(view)
    return Sheet(canvas.figure, title, subtitle, f"{len(names)} projects over {len(view.steps)} steps. {title}.")


def _row(canvas: Canvas, view: View, name: str, y: float, place: tuple[float, float, int, int]) -> None:
    """One project: grey until it moves, then in its colour."""
    room, each, moves, width = place
    canvas.text(0, y + LINE / 2, cut(name, room - 10, TEXT), size=TEXT)
    canvas.box(room, y + GAP / 2, each * moves - 1, LINE - GAP, GRID)
    canvas.box(room + each * moves, y + GAP / 2, each * (len(view.steps) + 1 - moves), LINE - GAP, view.colour(name))
    canvas.text(
        width - 2, y + LINE / 2, percent(view.projects[name]["requests_share"]), color=MUTED, ha="right", size=SMALL
    )


def _days(canvas: Canvas, view: View, place: tuple[float, float, float]) -> None:
    room, each, height = place
    close = each < length("today") + 4
    canvas.text(
        room - 6 if close else room, height + 13, "today", color=MUTED, ha="right" if close else "left", size=SMALL
    )
    for at, step in enumerate(view.steps, 1):
        x = room + each * at
        canvas.text(x, height + 13, str(at), color=INK, size=SMALL)
        label = when_text(step) if step["slot"]["day"] is None else day_text(step["slot"]["day"])[4:]
        if each > length(label) + 4:
            canvas.text(x, height + 28, label, color=MUTED, size=SMALL)


def _finding(view: View) -> str:
    half = next(
        (step["number"] for step in view.steps if step["shared"]["requests_share"] <= 0.5), len(view.steps)
    )  # fmt: skip
    share = 1 - view.steps[half - 1]["shared"]["requests_share"]
    return f"After step {half} of {len(view.steps)}, {percent(share)} of the requests are off the shared key"
