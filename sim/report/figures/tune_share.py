"""What each project needs of a crowded account, and what it gets."""

from __future__ import annotations

from sim.report.figures.base import Canvas, Sheet, cut, grid, length
from sim.report.numbers import NB
from sim.report.style import GRID, INK, MUTED, OUTCOMES_LIGHT, SMALL, TEXT
from sim.report.tune_headline import gets_of
from sim.report.tune_view import Project, View, whole

LINE, MOST = 24, 30


def finding(view: View) -> str:
    """Who falls short, and by how much; or that slower rates with larger bursts make room for everybody."""
    if not view.short:
        return "Slower rates with larger bursts make room for everybody"
    more = f"; {len(view.short) - 1} more fall short" if len(view.short) > 1 else "; everybody else has what it needs"
    return f"{gets_of(view.short[0])}{more}"


def draw(view: View, width: int) -> Sheet | None:
    """The figure at ``width`` pixels; None where every account has what its projects need."""
    shown = [one for one in view.found if one.needed.get("rpm") and one.recommended.get("rpm")][:MOST]
    if not shown or not view.crowded:
        return None
    room = min(max(length(one.name, TEXT) for one in shown) * 1.1 + 26, 220 if width > 500 else 118)
    canvas = Canvas(width, LINE * len(shown) + 66)
    _legend(canvas)
    axes = canvas.panel(room, 26, width - room - 96, LINE * len(shown))
    axes.set_ylim(len(shown), 0)
    axes.set_yticks([])
    grid(axes)
    for at, one in enumerate(shown):
        need, gets, y = one.needed["rpm"], one.recommended["rpm"], at + 0.5
        canvas.box(0, 26 + LINE * y - 5, 9, 9, one.colour)
        canvas.text(15, 26 + LINE * y, cut(one.name, room - 20, TEXT, bold=True), size=TEXT, weight="bold")
        if one.short:
            axes.barh(y, need, height=0.62, color=GRID, linewidth=0)
            axes.plot([need, need], [y - 0.4, y + 0.4], color=INK, linewidth=2)
        axes.barh(y, gets, height=0.62, color=one.colour, linewidth=0)
        text = f"{whole(gets)} of {whole(need)}" if one.short else _settings(one)
        colour = OUTCOMES_LIGHT["failed"] if one.short else INK
        canvas.text(width - 2, 26 + LINE * y, text, ha="right", color=colour, weight="bold" if one.short else "normal")
    axes.set_xlim(left=0)
    axes.locator_params(axis="x", nbins=max(3, int((width - room) / 120)))
    title = finding(view)
    subtitle = "Requests a minute that are given; of projects that fall short the rate that they need, at their burst"
    return Sheet(canvas.figure, title, subtitle, f"Given and needed rates of {len(shown)} projects. {title}.")


def _settings(one: Project) -> str:
    burst = one.recommended.get("burst")
    return whole(one.recommended["rpm"]) + (f", burst{NB}{whole(burst)}" if burst is not None else "")


def _legend(canvas: Canvas) -> None:
    canvas.box(0, 3, 10, 10, MUTED)
    canvas.text(15, 8, "given", color=MUTED)
    x = 15 + 5 * SMALL * 0.6 + 20
    canvas.box(x, 1, 2, 14, INK)
    canvas.text(x + 8, 8, "needed", color=MUTED)
