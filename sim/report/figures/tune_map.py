"""Success over RPM × burst for each project, with the contour of its goals and the chosen point."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sim.report.figures.base import Canvas, Sheet, cut, length
from sim.report.style import INK, MUTED, SMALL, SURFACE, TEXT, ink_on, ramp
from sim.report.tune_view import Project, View, setting, whole

LINE, AXIS, MOST = 22, 46, 10
HEAT = 0.75
"""How dark a loss of a hundred times what is allowed is drawn."""


def finding(view: View) -> str:
    """What the maps say of the project whose settings move most."""
    moved = [one for one in view.found if one.data["map"] and "rpm" in one.data["current"] and one.needed.get("rpm")]
    if not moved:
        return "Success over RPM and burst, and the smallest settings that meet the goals"
    one = max(moved, key=lambda each: abs(math.log(each.needed["rpm"] / each.data["current"]["rpm"])))
    now, need = one.data["current"], one.needed
    if need.get("burst") is None:
        return f"{one.name} needs {whole(need['rpm'])} requests a minute; it has {whole(now['rpm'])}"
    return (
        f"{one.name} needs {whole(need['rpm'])}/min with a burst of {whole(need['burst'])}; "
        f"it has {whole(now['rpm'])}/min and {whole(now.get('burst'))}"
    )


def draw(view: View, width: int) -> Sheet | None:
    """The figure at ``width`` pixels; None when neither RPM nor burst was tuned."""
    shown = [one for one in view.found if one.data["map"]][:MOST]
    if not shown:
        return None
    across = 2 if width >= 900 and len(shown) > 1 else 1
    wide = (width - 36 * (across - 1)) / across
    lines = [shown[at : at + across] for at in range(0, len(shown), across)]
    heights = [34 + LINE * (1 + max(len(one.data["map"]["burst"]) for one in line)) + 26 for line in lines]
    canvas = Canvas(width, sum(heights) + 26 + (34 if width < 500 else 0))
    y = _legend(canvas, moved=any(_moved(one) for one in shown))
    for line, high in zip(lines, heights, strict=True):
        for at, one in enumerate(line):
            _panel(canvas, one, at * (wide + 36), y, wide)
        y += high
    left = len([one for one in view.found if one.data["map"]]) - len(shown)
    subtitle = "% of requests that succeed, the project alone; columns: requests a minute, rows: burst"
    subtitle += f"; {left} more projects are in tune.json" if left > 0 else ""
    title = finding(view)
    return Sheet(canvas.figure, title, subtitle, f"Heat tables of success for {len(shown)} projects. {title}.")


def _legend(canvas: Canvas, *, moved: bool) -> float:
    """The marks, in words; where they end."""
    marks = [("line", "goals met above the line"), ("needed", "smallest settings"), ("current", "today")]
    marks += [("given", "recommended, where it differs")] if moved else []
    x, y = 0.0, 7.0
    for kind, text in marks:
        wide = 22 + len(text) * SMALL * 0.6 + 16
        if x > 0 and x + wide - 16 > canvas.width:
            x, y = 0.0, y + 17
        if kind == "line":
            canvas.box(x, y - 1, 16, 2.5, INK)
        elif kind == "given":
            _diamond(canvas, x + 8, y)
        else:
            _frame(canvas, x, y - 7, 16, 13, dashed=kind == "current")
        canvas.text(x + 22, y, text, color=MUTED)
        x += wide
    return y + 23


def _frame(canvas: Canvas, x: float, y: float, wide: float, high: float, *, dashed: bool) -> None:
    """An empty rectangle of pixels."""
    from matplotlib.patches import Rectangle

    corner = (x / canvas.width, 1 - (y + canvas.top + high) / canvas.height)
    size = (wide / canvas.width, high / canvas.height)
    style = {"linestyle": (0, (3, 2)), "linewidth": 1.6} if dashed else {"linewidth": 2.4}
    canvas.figure.add_artist(
        Rectangle(corner, *size, fill=False, edgecolor=INK, transform=canvas.figure.transFigure, **style)
    )


def _diamond(canvas: Canvas, x: float, y: float) -> None:
    """A filled mark at a point, with a light edge so that it shows on every cell."""
    from matplotlib.patches import Polygon

    corners = ((x, y - 6), (x + 6, y), (x, y + 6), (x - 6, y))
    points = [(left / canvas.width, 1 - (high + canvas.top) / canvas.height) for left, high in corners]
    canvas.figure.add_artist(
        Polygon(points, facecolor=INK, edgecolor=SURFACE, linewidth=1.4, zorder=9, transform=canvas.figure.transFigure)
    )


def _moved(one: Project) -> bool:
    """Whether a project gets something else than it needs alone, because its account is divided."""
    return any(one.recommended.get(name) != one.needed.get(name) for name in ("rpm", "burst"))


def place_on(axis: Sequence[int | None], value: int | None) -> float | None:
    """Where a setting lies among those of an axis, by ratio between two of them; None beyond its ends."""
    if axis == [None]:
        return 0.0
    known = [one for one in axis if one is not None]
    if value is None or not known[0] <= value <= known[-1]:
        return None
    after = next(at for at, one in enumerate(known) if one >= value)
    if known[after] == value:
        return float(after)
    before = after - 1
    return before + math.log(value / known[before]) / math.log(known[after] / known[before])


def _panel(canvas: Canvas, one: Project, x: float, y: float, wide: float) -> None:
    """One project's heat table at (x, y)."""
    it = one.data["map"]
    canvas.box(x, y + 3, 9, 9, one.colour)
    canvas.text(x + 15, y + 8, cut(one.name, wide * 0.45, TEXT, bold=True), size=TEXT, weight="bold")
    canvas.text(x + wide, y + 8, _says(one, wide * 0.56), color=MUTED, ha="right")
    top = y + 22
    cell = (wide - AXIS) / len(it["rpm"])
    for at, rpm in enumerate(it["rpm"]):
        canvas.text(
            x + AXIS + (at + 0.5) * cell, top + 9, "as now" if rpm is None else whole(rpm), ha="center", color=MUTED
        )
    rows = list(reversed(range(len(it["burst"]))))
    for line, row in enumerate(rows):
        place = top + LINE * (1 + line)
        label = "as now" if it["burst"][row] is None else whole(it["burst"][row])
        canvas.text(x + AXIS - 8, place + LINE / 2, label, ha="right", color=MUTED)
        for at, value in enumerate(it["value"][row]):
            _cell(canvas, x + AXIS + at * cell, place, cell, value, _allowed(one))
    _contour(canvas, it, rows, x + AXIS, top + LINE, cell)
    for side, dashed in ((one.data["current"], True), (one.needed, False)):
        _mark(canvas, it, rows, side, (x + AXIS, top + LINE, cell), dashed=dashed)
    right, up = (place_on(it[name], one.recommended.get(name)) for name in ("rpm", "burst"))
    if _moved(one) and right is not None and up is not None:
        _diamond(canvas, x + AXIS + (right + 0.5) * cell, top + LINE * (len(rows) - up + 0.5))


def _says(one: Project, room: float) -> str:
    """The objective; of a project that gets something else than it needs what it gets, if need be alone."""
    bound = str(one.primary["text"].split(": ", 1)[1])
    if not _moved(one):
        return cut(bound, room)
    gets = f"gets {setting(one.recommended, ('rpm', 'burst'))}"
    return f"{gets}, for {bound}" if length(f"{gets}, for {bound}") <= room else cut(gets, room)


def _allowed(one: Project) -> float:
    """The loss that the shown objective allows; where it is out of reach, what cannot be avoided and a little."""
    primary = one.primary
    if primary["reach"] == "missed":
        return max(1e-3, 1 - float(primary["unlimited"]["mean"] or 0.0) + float(primary["near"]))
    return max(1e-3, 1 - float(primary["bound"]))


def _cell(canvas: Canvas, x: float, y: float, wide: float, value: float | None, allowed: float) -> None:
    """A success rate, darker the more of what is allowed to be lost is lost."""
    loss = 1.0 if value is None else max(0.0, 1 - value)
    heat = min(1.0, HEAT * math.log10(1 + loss / allowed) / 2)
    canvas.box(x, y, wide - 1.5, LINE - 1.5, ramp(heat))
    canvas.text(x + wide / 2 - 1, y + LINE / 2, _text(value, wide), ha="center", color=ink_on(heat))


def _text(value: float | None, wide: float) -> str:
    if value is None:
        return "–"
    if value >= 0.99995:
        return "100"
    return f"{math.floor(1000 * value) / 10:.1f}" if wide >= 30 else f"{math.floor(100 * value)}"


def _contour(canvas: Canvas, it: Mapping[str, Any], rows: Sequence[int], x: float, y: float, cell: float) -> None:
    """A line between cells that meet the goals and neighbours that do not."""
    met = [it["met"][row] for row in rows]
    for line, row in enumerate(met):
        for at, good in enumerate(row):
            if at + 1 < len(row) and row[at + 1] != good:
                canvas.box(x + (at + 1) * cell - 2, y + line * LINE - 1, 2.5, LINE + 1, INK)
            if line + 1 < len(met) and met[line + 1][at] != good:
                canvas.box(x + at * cell - 2, y + (line + 1) * LINE - 2, cell + 2.5, 2.5, INK)


def _mark(
    canvas: Canvas, it: Mapping[str, Any], rows: Sequence[int], side: Mapping[str, Any],
    place: tuple[float, float, float], *, dashed: bool,
) -> None:  # fmt: skip
    """A frame around the cell of some settings, where the map has it."""
    x, y, cell = place
    columns = [at for at, rpm in enumerate(it["rpm"]) if rpm is None or rpm == side.get("rpm")]
    lines = [at for at, row in enumerate(rows) if it["burst"][row] is None or it["burst"][row] == side.get("burst")]
    if columns and lines:
        inset = 3.5 if dashed else 1.0
        left, top = x + columns[0] * cell + inset - 1, y + lines[0] * LINE + inset - 1
        _frame(canvas, left, top, cell - 2 * inset + 0.5, LINE - 2 * inset + 0.5, dashed=dashed)
