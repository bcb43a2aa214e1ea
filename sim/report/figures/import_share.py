"""Shares of requests, tokens, spend and 429s by team, one bar each."""

from __future__ import annotations

from sim.report.figures.base import Canvas, Sheet, cut, length
from sim.report.import_view import Sender, View, percent
from sim.report.style import REST, SMALL, SURFACE, TEXT

LINE, MOST = 30, 10
KINDS = (("requests", "requests"), ("tokens", "tokens"), ("usd", "spend"), ("limited", "429s"))


def finding(view: View) -> str:
    """Whose share of spend, or of requests, is largest."""
    what, word = ("usd", "spend") if view.total.usd else ("requests", "requests")
    top = max(view.senders, key=lambda one: view.share(one, what))
    return f"{top.name} makes {percent(view.share(top, what))} of the {word}"


def draw(view: View, width: int) -> Sheet | None:
    """The figure at ``width`` pixels; None where there is one team only."""
    if len(view.senders) < 2:
        return None
    shown = view.senders[:MOST]
    bars = [(what, word) for what, word in KINDS if view.share(view.total, what) == 1]
    room = max(length(word, TEXT) for _, word in bars) + 20
    canvas = Canvas(width, LINE * len(bars) + 30 + 17 * 3)
    for at, (what, word) in enumerate(bars):
        canvas.text(0, LINE * at + 11, word, size=TEXT, weight="bold")
        _bar(canvas, view, what, shown, room, LINE * at, width - room - 2)
    names = [(one.colour, cut(one.name, 150)) for one in shown]
    left = len(view.senders) - len(shown)
    used = canvas.key(room, LINE * len(bars) + 12, names + ([(REST, f"{left} smaller teams")] if left else []))
    title = finding(view)
    assert used
    return Sheet(canvas.figure, title, "Share of all, by team", f"Stacked bars of {len(bars)} shares by team. {title}.")


def _bar(canvas: Canvas, view: View, what: str, shown: tuple[Sender, ...], x: float, y: float, wide: float) -> None:
    """One bar of a hundred per cent."""
    start = x
    for one in shown:
        part = view.share(one, what) * wide
        if part > 0.5:
            canvas.box(start, y, max(0.5, part - 1), 22, one.colour)
            text = percent(view.share(one, what))
            if part > length(text, SMALL) + 8:
                canvas.text(start + 4, y + 11, text, color=SURFACE)
        start += part
    if start < x + wide - 0.5:
        canvas.box(start, y, x + wide - start, 22, REST)
