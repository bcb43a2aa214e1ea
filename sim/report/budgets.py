"""Spend caps in a report: the sentence that opens it where one is passed, and a table of all caps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from sim.report.cast import Summary, configurations, place
from sim.report.cautions import capital, counted, joined
from sim.report.document import NUMBER, Block, Cell, Head, Table, Text
from sim.report.numbers import MISSING, NB, Stat, half_text, number, stat, value_text, with_interval

PASSED = 0.005
"""A cap that is passed by less than half a percent does not open a report."""
NEAR = 0.8
"""How full a cap must get, in the mean of the replications, for all caps to stand high in a report."""
SHOWN = 12
"""Rows of the table that are not folded away."""
Cap = Mapping[str, Any]

_NOT_KEPT = "Spend against each cap is told from the table of attempts, and this study kept none of {}. "
_NOT_KEPT += "Run it again with --rows attempts."


def caps_of(summary: Summary, name: str) -> list[Cap]:
    """The spend caps of one configuration."""
    return list(summary["configurations"][name].get("budgets") or ())


def has_caps(summary: Summary) -> bool:
    """Whether any configuration has a spend cap."""
    return any(caps_of(summary, name) for name in configurations(summary))


def near(summary: Summary) -> bool:
    """Whether some cap comes near its end, or it is not known which do."""
    caps = [cap for name in configurations(summary) for cap in caps_of(summary, name)]
    return any(not cap["known"] or _fullness(cap) >= NEAR for cap in caps)


def known_caps(summary: Summary, name: str) -> list[Cap]:
    """Those whose spend is known."""
    return [cap for cap in caps_of(summary, name) if cap.get("known")]


def fullest(caps: list[Cap]) -> list[Cap]:
    """Caps, the one that is passed by the largest share first, then by how full they get."""
    return sorted(caps, key=lambda cap: (-stat(cap, "overshoot_share").mean, -_fullness(cap), str(cap["name"])))


def _fullness(cap: Cap) -> float:
    return stat(cap, "spend_usd").mean / float(cap["cap_usd"])


# The opening


def opening(summary: Summary) -> str:
    """By how much caps are passed in each configuration; empty where the first one passes none by much."""
    base, *others = configurations(summary)
    caps = known_caps(summary, base)
    if not caps or not max(stat(cap, "overshoot_share").mean for cap in caps) >= PASSED:
        return ""
    who = f"the worst of {counted(len(caps), 'spend cap')}" if len(caps) > 1 else "the spend cap"
    text = f"{capital(place(summary, base))} {who} is passed by {_passed(summary, base)}"
    known = [name for name in others if known_caps(summary, name)]
    passing = [name for name in known if _overshoot(summary, name).mean > 0]
    for name in passing:
        text += f", {place(summary, name)} by {_passed(summary, name)}"
    never = [place(summary, name) for name in known if name not in passing]
    return f"{text}; {joined(never)} none is passed." if never else f"{text}."


def _overshoot(summary: Summary, name: str) -> Stat:
    return stat(summary["configurations"][name]["total"], "overshoot_usd")


def _passed(summary: Summary, name: str) -> str:
    """``$20.02 ± 1.81 (2.0 % of $1000/month)``; without the share where the caps differ."""
    over, caps = _overshoot(summary, name), known_caps(summary, name)
    text = with_interval(over, "usd")
    if len({cap["per"] for cap in caps}) > 1:
        return text
    share = value_text(Stat(over.mean / float(caps[0]["cap_usd"])), "share")
    return f"{text} ({share} of {caps[0]['per']})"


# The section


def blocks(summary: Summary) -> Iterator[Block]:
    """What the section says and shows beside its figure."""
    unknown = [name for name in configurations(summary) if any(not cap["known"] for cap in caps_of(summary, name))]
    if unknown:
        yield Text((_NOT_KEPT.format(joined([f"“{name}”" for name in unknown])),))
    rows = [(name, cap) for name in configurations(summary) for cap in fullest(known_caps(summary, name))]
    if rows:
        head = (Head("Configuration"), Head("Spend cap"), Head("Amount", NUMBER), Head("Mode"), Head("Spent", NUMBER),
                Head("Over the cap", NUMBER), Head("First alert", NUMBER), Head("Reached", NUMBER),
                Head("Requests refused", NUMBER))  # fmt: skip
        cells = [_row(name, cap) for name, cap in rows]
        yield Table(head, tuple(cells[:SHOWN]), "Spend caps, the fullest window of each")
        if cells[SHOWN:]:
            yield Table(head, tuple(cells[SHOWN:]), "More spend caps", fold=f"{len(cells) - SHOWN} more spend caps")


def _row(name: str, cap: Cap) -> tuple[Cell, ...]:
    spend, over, refused = (stat(cap, key) for key in ("spend_usd", "overshoot_usd", "requests_refused"))
    share = stat(cap, "overshoot_share")
    passed = over.mean > 0
    return (
        Cell(name), Cell(cap["name"]), Cell(cap["per"], float(cap["cap_usd"])), Cell(cap["mode"]),
        Cell(value_text(spend, "usd"), spend.mean, half=half_text(spend, "usd")),
        Cell(value_text(over, "usd"), over.mean, value_text(share, "share") if passed else "", "bad" if passed else "",
             half_text(over, "usd")),
        _when(cap, "alert"), _when(cap, "reached"),
        Cell(value_text(refused, "count"), refused.mean, half=half_text(refused, "count")),
    )  # fmt: skip


def _main_window(cap: Cap) -> int:
    """The window that is fullest on average; -1 for none."""
    windows = cap["by_window"]
    return int(max(windows, key=lambda one: stat(one, "spend_usd").mean)["window"]) if windows else -1


def event(cap: Cap, kind: str) -> Mapping[str, Any] | None:
    """The first event of a kind in the cap's fullest window."""
    found = [one for one in cap["events"] if one["kind"] == kind and one["window"] == _main_window(cap)]
    return found[0] if found else None


def _when(cap: Cap, kind: str) -> Cell:
    """The time of an event, and in how many replications it happens when not in all."""
    found = event(cap, kind)
    if found is None:
        return Cell(MISSING, math.nan)
    some = float(found["replications"]) < 1
    share = f"in {number(100 * float(found['replications']), 0)}{NB}% of replications" if some else ""
    return Cell(moment(float(found["at_s"])), float(found["at_s"]), share, "quiet" if some else "")


def moment(seconds: float) -> str:
    """A moment as hours:minutes:seconds."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def intro(summary: Summary) -> str:
    """How to read the table, and how long before a cap is reached its alert comes."""
    text = "Warm-up and drain count here, as they do on a bill. Times are medians over replications, in the fullest "
    text += "window of each cap (hours:minutes:seconds)."
    for name in configurations(summary):
        for cap in fullest(known_caps(summary, name))[:1]:
            alert, reached = event(cap, "alert"), event(cap, "reached") or event(cap, "refusing")
            if alert and reached and float(reached["at_s"]) > float(alert["at_s"]):
                ahead = _lasting(float(reached["at_s"]) - float(alert["at_s"]))
                share = f"{number(100 * float(alert['share_of_cap']), 0)}{NB}%"
                return (
                    f"{text} {capital(place(summary, name))} the alert at {share} comes {ahead} before the cap bites."
                )
    return text


def _lasting(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{number(seconds / size, 1 if seconds < 10 * size else 0)}{NB}{unit}"
    return f"{number(seconds, 0)}{NB}seconds"
