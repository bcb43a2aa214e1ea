"""What went wrong when, and what each team felt of it: faults above, a strip of losses a team below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.report.cast import place
from sim.report.cautions import joined
from sim.report.figures.base import Canvas, Sheet, cut, label_room, length, shown_teams, time_axis
from sim.report.inputs import Study, Window
from sim.report.numbers import NB, clock, number
from sim.report.style import CARD, GRID, INK, MUTED, REST, SMALL, TEXT, ramp

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

LINE, STRIP, HEADING, BAR, LABEL, MARKS = 19, 13, 22, 9, 18, 15


def finding(study: Study) -> str:
    """How many teams lose most of a step somewhere, in each configuration."""
    parts: dict[str, list[str]] = {}
    teams = study.cast.teams
    for name in study.cast.configurations:
        rows = study.over_time[(study.over_time["configuration"] == name) & (study.over_time["offered"] > 0)]
        lost = 1 - rows["succeeded"] / rows["offered"]
        down = rows["team"][lost >= 0.5].nunique()
        parts.setdefault(f"{down or 'none'} of {len(teams)} teams", []).append(place(study.summary, name))
    if list(parts) == [f"none of {len(teams)} teams"]:
        return "No team loses half of its requests at any moment"
    told = "; ".join(f"{count} {joined(places)}" for count, places in parts.items())
    return f"Losing half or more of their requests at some moment: {told}"


def _strip(axes: Axes, rows: DataFrame, y: float) -> None:
    """One team in one configuration: runs of intervals of one shade, as boxes."""
    start, end, colour = 0.0, 0.0, ""
    columns = (rows.sort_values("start_s")[name].tolist() for name in ("start_s", "end_s", "offered", "succeeded"))
    for begins, ends, offered, succeeded in zip(*columns, strict=True):
        new = ramp(1 - succeeded / offered) if offered > 0 else CARD
        if new != colour:
            _box(axes, start, end, y, colour)
            start, colour = begins / 60, new
        end = ends / 60
    _box(axes, start, end, y, colour)


def _box(axes: Axes, start: float, end: float, y: float, colour: str) -> None:
    if colour and end > start:
        axes.barh(y, end - start, left=start, height=STRIP, color=colour, linewidth=0)


def _height(window: Window) -> int:
    return LABEL + BAR + 8 + (MARKS if window.marks else 0)


def _faults(canvas: Canvas, study: Study, box: tuple[float, float], top: float, span: tuple[float, float]) -> float:
    """A bar a fault under its words, and its instants as ticks; returns the y below."""
    left, wide = box
    height = sum(map(_height, study.windows))
    axes = canvas.panel(left, top, wide, height)
    axes.set_ylim(height, 0)
    axes.set_yticks([])
    time_axis(axes, *span, max(2, int(wide / 70)), False)
    scale, y = wide / (span[1] - span[0]), float(LABEL)
    for window in study.windows:
        start, end = max(span[0], window.start_s / 60), min(span[1], window.end_s / 60)
        axes.barh(y + BAR / 2, max(end - start, 3 / scale), left=start, height=BAR, color=REST, linewidth=0)
        words = cut(window.label, wide)
        x = min((start - span[0]) * scale, max(0.0, wide - length(words)))
        canvas.text(left + x, top + y - 11, words)
        _marks(canvas, axes, window, (left, top + y + BAR / 2, scale, wide), y + BAR / 2, span)
        y += _height(window)
    return top + height + 8


def _marks(canvas: Canvas, axes: Axes, window: Window, frame: tuple[float, float, float, float], y: float,
           span: tuple[float, float]) -> None:  # fmt: skip
    """A tick for each instant of a fault, with its words below as far as they do not meet."""
    left, top, scale, wide = frame
    free = 0.0
    for at, words in ((at / 60, words) for at, words in window.marks):
        if not span[0] <= at <= span[1]:
            continue
        axes.plot([at, at], [y - BAR * 0.8, y + BAR * 0.8], color=INK, linewidth=1.4)
        x, long = (at - span[0]) * scale, length(words)
        start = min(max(0.0, x - long / 2), wide - long)
        if start >= free:
            canvas.text(left + start, top + MARKS, words, color=MUTED)
            free = start + long + 8


def _key(canvas: Canvas, y: float) -> None:
    steps = (0.0, 0.1, 0.3, 0.5, 0.8, 1.0)
    canvas.text(0, y, "lost:", color=MUTED)
    x = 34.0
    for share in steps:
        canvas.box(x, y - 6, 22, 11, ramp(share))
        text = f"{100 * share:.0f}" + (f"{NB}%" if share == steps[-1] else "")
        canvas.text(x + 26, y, text, color=MUTED)
        x += 30 + length(text) + 10


def draw(study: Study, width: int) -> Sheet | None:
    """The figure at ``width`` pixels; None without faults."""
    table = study.over_time
    if not study.windows or table.empty:
        return None
    teams, left_out = shown_teams(study)
    room = label_room(study, teams, width)
    span = (float(table["start_s"].min()) / 60, float(table["end_s"].max()) / 60)
    block = HEADING + LINE * len(teams) + 8
    canvas = Canvas(width, sum(map(_height, study.windows)) + 42 + block * len(study.cast.configurations) + 22)
    _key(canvas, 8)
    box = (room, width - room - 4)
    y = _faults(canvas, study, box, 26, span)
    for name in study.cast.configurations:
        canvas.text(0, y + 8, cut(name, width, TEXT, bold=True), size=TEXT, weight="bold")
        last = name == study.cast.configurations[-1]
        axes = canvas.panel(room, y + HEADING, box[1], LINE * len(teams))
        axes.set_ylim(LINE * len(teams), 0)
        axes.set_yticks([])
        for at, team in enumerate(teams):
            canvas.box(0, y + HEADING + at * LINE + LINE / 2 - 5, 9, 9, study.cast.colour(team))
            canvas.text(15, y + HEADING + at * LINE + LINE / 2, cut(team, room - 20), size=SMALL)
            _strip(axes, table[(table["configuration"] == name) & (table["team"] == team)], at * LINE + LINE / 2)
        shade_edges(axes, study)
        time_axis(axes, *span, max(2, int(box[1] / 70)), last)
        y += block
    step = float((table["end_s"] - table["start_s"]).iloc[0]) / 60
    subtitle = (
        f"Share of each team’s requests that are lost, by time of arrival, in steps of {_step(step)}; "
        f"grey bars: faults, black ticks: moments in them{left_out}"
    )
    told = "; ".join(f"{one.label} from {clock(one.start_s)} to {clock(one.end_s)}" for one in study.windows)
    return Sheet(canvas.figure, finding(study), subtitle, f"Timeline of faults and losses. {finding(study)}. {told}.")


def _step(minutes: float) -> str:
    if minutes >= 1440:
        return f"{number(minutes / 1440, 0)}{NB}days" if minutes > 1440 else f"1{NB}day"
    return f"{number(minutes, 0 if minutes >= 1 else 2)}{NB}min"


def shade_edges(axes: Axes, study: Study) -> None:
    """Thin lines where faults begin and end."""
    for start, end in study.spans:
        for edge in (start, end):
            axes.axvline(edge, color=GRID, linewidth=0.9)
