"""How everything that keystorm draws looks: colours, fonts, axes. One place, used by all figures.

Every colour has a name, a value on light ground and a value on dark ground. Figures are drawn with
the light values; :mod:`sim.report.svg` writes the name beside each, so that the page's style sheet
can put in the dark ones. Palettes were found by search: any two colours stay apart for full colour
sight, deuteranopia, protanopia and tritanopia, and in grey print by their lightness; a test computes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sim.collector import resting

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TEAMS_LIGHT = (
    "#3a73ea", "#d76012", "#4d249b", "#157d77", "#7e2e30",
    "#bc7bbd", "#009e6a", "#87531f", "#651546", "#26548d",
)  # fmt: skip
TEAMS_DARK = (
    "#369de2", "#c8700d", "#656be5", "#73fff7", "#a48955",
    "#925f93", "#8ad767", "#ffe327", "#ee8898", "#61cae5",
)  # fmt: skip

OUTCOMES_LIGHT = {"succeeded": "#a9d5d0", "refused": "#d9980a", "unfinished": "#6b6f78", "failed": "#8a1c3b"}
OUTCOMES_DARK = {"succeeded": "#27504c", "refused": "#e8b82a", "unfinished": "#e3e6eb", "failed": "#ff6b6b"}
OUTCOME_LABELS = {
    "succeeded": "succeeded",
    "refused": "gave up after rate limits",
    "failed": "failed otherwise",
    "unfinished": "unfinished",
}

INK, MUTED, GRID, REST, SURFACE, CARD = "#1b2330", "#566070", "#dde2e9", "#838c9b", "#fefefe", "#f6f8fa"

RAMP_LIGHT = (
    "#f6f8fc", "#e4eaf5", "#cedbf0", "#b7cbea", "#9ab8e3", "#7aa4db",
    "#5991d0", "#3476ba", "#0466ac", "#045692", "#004578",
)  # fmt: skip
RAMP_DARK = (
    "#1c1f24", "#202834", "#23354b", "#254161", "#254f78", "#285d90",
    "#2c6ba5", "#4e8dcb", "#6fa1da", "#92b7e7", "#b5cef1",
)  # fmt: skip

PAGE = {
    "good": ("#00695f", "#7fe3c8"), "bad": ("#b3142a", "#ff6b76"), "warn": ("#fdf3d8", "#3a3013"),
    "link": ("#1558b0", "#83b6ff"),
}  # fmt: skip
"""Colours of the page's text alone: better and worse, the ground of a warning, links. On paper worse is also bold."""

SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"
TEXT, SMALL = 11.5, 10.5
"""Sizes of text in figures, in CSS pixels at the width that a figure is drawn for."""

PER_CHAR = 0.6
"""Mean width of a character, in font sizes, of a wide sans-serif: for cutting and wrapping in time."""

WIDE, MIDDLE, NARROW = 1040, 680, 350
"""Widths in CSS pixels that each figure is drawn for: desk, tablet and paper, phone."""


def _tokens() -> dict[str, tuple[str, str]]:
    base = {
        "ink": (INK, "#e7ebf1"), "muted": (MUTED, "#a5afbd"), "grid": (GRID, "#333d4a"),
        "rest": (REST, "#7d8795"), "surface": (SURFACE, "#12171f"), "card": (CARD, "#191f29"),
    }  # fmt: skip
    for place, pair in enumerate(zip(TEAMS_LIGHT, TEAMS_DARK, strict=True)):
        base[f"team-{place}"] = pair
    for name, light in OUTCOMES_LIGHT.items():
        base[f"outcome-{name}"] = (light, OUTCOMES_DARK[name])
    for place, pair in enumerate(zip(RAMP_LIGHT, RAMP_DARK, strict=True)):
        base[f"ramp-{place}"] = pair
    return base


TOKENS: dict[str, tuple[str, str]] = _tokens()
"""Name → (value on light ground, value on dark ground). Light values are all different."""

TOKEN_OF = {light: name for name, (light, _) in TOKENS.items()}


def _step(share: float) -> int:
    return min(10, max(0, round(10 * share)))


def ramp(share: float) -> str:
    """The heat colour of a share from 0 to 1; values outside are clipped."""
    return RAMP_LIGHT[_step(share)]


def ink_on(share: float) -> str:
    """The text colour that is legible on :func:`ramp` of the same share, on either ground.

    The ramps leap between steps 6 and 7, over the lightness on which neither ink nor ground is.
    """
    return SURFACE if _step(share) >= 7 else INK


SALT = "keystorm"
"""Makes the ids in SVG files the same each time; also the mark by which :func:`drawing` knows its settings."""


def rc() -> dict[str, Any]:
    """Settings of matplotlib: text stays text, nothing random or dated in the file."""
    return {
        "svg.fonttype": "none", "svg.hashsalt": SALT, "figure.dpi": 72, "savefig.dpi": 72,
        "font.family": "DejaVu Sans", "font.size": TEXT, "text.color": INK, "axes.edgecolor": MUTED,
        "axes.labelcolor": MUTED, "xtick.color": MUTED, "ytick.color": MUTED, "axes.linewidth": 0.8,
        "axes.unicode_minus": True, "text.parse_math": False, "path.simplify": True, "axes.facecolor": "none",
        "figure.facecolor": "none", "xtick.labelsize": SMALL, "ytick.labelsize": SMALL, "hatch.linewidth": 0.8,
    }  # fmt: skip


@contextmanager
def drawing() -> Iterator[None]:
    """Draw inside: keystorm's settings hold, the caller's come back afterwards. May be nested.

    The collector of cyclic garbage rests meanwhile: a figure is thousands of objects in cycles, and
    looking through them again and again took a fifth of the time. What is left goes afterwards.
    """
    import matplotlib

    if matplotlib.rcParams["svg.hashsalt"] == SALT:
        yield
        return
    settings: dict[Any, Any] = {**dict(matplotlib.rcParamsDefault), **rc(), "backend": "agg"}
    with resting(), matplotlib.rc_context(settings):
        yield


def bare(axes: Axes) -> None:
    """Take away every frame line and tick mark; figures add back what carries meaning."""
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0, pad=4)
    axes.set_axisbelow(True)


def shade(axes: Axes, windows: list[tuple[float, float]]) -> None:
    """Mark chaos windows (start, end in the axis' own unit) the same way in every figure."""
    from matplotlib.patches import Rectangle

    across = axes.get_xaxis_transform()  # x in the axis' unit, y from 0 to 1 of the panel
    for start, end in windows:
        axes.add_artist(
            Rectangle((start, 0), end - start, 1, facecolor=INK, alpha=0.09, linewidth=0, zorder=0, transform=across)
        )


def css_variables(ground: int) -> str:
    """The custom properties of the palette: ``ground`` 0 is light, 1 is dark."""
    return "".join(f"--{name}:{pair[ground]};" for name, pair in (TOKENS | PAGE).items())


def css_classes() -> str:
    """``.f-NAME`` fills and ``.s-NAME`` strokes with a palette colour."""
    return "".join(f".f-{name}{{fill:var(--{name})}}.s-{name}{{stroke:var(--{name})}}" for name in TOKENS)
