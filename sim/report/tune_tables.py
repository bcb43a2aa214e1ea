"""The tables of a tuning report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sim.metrics.declared import BY_NAME
from sim.report.document import NUMBER, QUIET, Cell, Head, Table
from sim.report.numbers import MISSING, NB, Stat, half_text, kind_of, stat, value_text
from sim.report.objectives import objective_text
from sim.report.tune_view import LABELS, Project, View, setting, whole
from sim.report.tune_words import percent, way_text

SIGNS = {True: "good", False: "bad"}


def _share(value: float | None, digits: int = 0) -> str:
    return MISSING if value is None else percent(value, digits)


def _number(value: float | None, digits: int = 1) -> str:
    return MISSING if value is None else f"{value:,.{digits}f}"


def measured(found: Stat, metric: str, change: Stat | None = None, than: str = "today", *, bars: bool = False) -> Cell:
    """A metric with its interval; ``change`` from ``than`` below it, coloured by what is better."""
    kind = kind_of(metric)
    text, half = value_text(found, kind), half_text(found, kind)
    bar = found if bars and kind == "share" else None
    if change is None or not change.known:
        return Cell(text, found.mean, half=half, bar=bar)
    better = (change.mean > 0) == (BY_NAME[metric].better == "higher")
    tone = SIGNS[better] if change.differs else "quiet"
    return Cell(text, found.mean, _change(change, kind, than), tone, half, bar=bar)


def _change(change: Stat, kind: str, than: str) -> str:
    unit = "points" if kind == "share" else None
    return f"{value_text(change, kind, sign=True, unit=unit)} against {than}"


def settings_table(view: View) -> Table:
    """What each project has and should have, and what it makes of it with everybody there."""
    short = bool(view.short)
    head = [Head("Project"), *(Head(LABELS[name], NUMBER) for name in view.dimensions)]
    head += [Head("Needs alone")] if short else []
    head += [Head("Success today", NUMBER), Head("Success recommended", NUMBER), Head("Latency p95", NUMBER)]
    return Table(tuple(head), tuple(_settings(view, one, short) for one in view.projects), "Recommended settings",
                 foot=(_sums(view, short),))  # fmt: skip


def _settings(view: View, one: Project, short: bool) -> tuple[Cell, ...]:
    metric = one.primary["metric"]
    cells = [Cell(one.name, one.name, token=one.token)]
    cells += [_moved(one, name) for name in view.dimensions]
    if short:
        text = setting(one.needed, view.dimensions) if one.short else "as recommended"
        tail = f"{percent(float(one.data['shortfall']))} short" if one.short else ""
        cells.append(Cell(text, float(one.data["shortfall"]), tail, "bad" if tail else "quiet"))
    cells.append(measured(one.together("today"), metric, bars=True))
    cells.append(measured(one.together("recommended"), metric, one.change(metric), bars=True))
    cells.append(measured(one.told("recommended", "latency_p95_s"), "latency_p95_s", one.change("latency_p95_s")))
    return tuple(cells)


def _moved(one: Project, name: str) -> Cell:
    """A setting, with today's below it."""
    value, now = one.recommended.get(name), one.data["current"].get(name)
    if value is None:
        return Cell("none found" if not one.recommended else MISSING)
    return Cell(whole(value), float(value), f"{whole(now)} today" if now is not None else "no limit today", "quiet")


def _sums(view: View, short: bool) -> tuple[Cell, ...]:
    told = view.summary["sums"]
    cells = [Cell("together", token="ink")]
    for name in view.dimensions:
        value, now = told["recommended"].get(name), told["current"].get(name)
        sub = "" if value is None or now is None else f"{whole(now)} today"
        cells.append(Cell(whole(value) if value is not None else "", sub=sub, tone="quiet" if sub else ""))
    if short:
        rate = told["needed"].get("rpm")
        cells.append(Cell(f"{whole(rate)}/min" if rate is not None else ""))
    return (*cells, Cell(""), Cell(""), Cell(""))


def needs_table(view: View) -> Table:
    """What each project needs alone, each limit with its 95 % interval while the others are as found."""
    names = [name for name in view.dimensions if any(one.needed.get(name) is not None for one in view.found)]
    head = [Head("Project"), *(Head(LABELS[name], NUMBER) for name in names), Head("Keeps up from", NUMBER)]
    rows = tuple(
        (Cell(one.name, one.name, token=one.token), *(_needed(one, name) for name in names),
         Cell(f"{whole(one.data['slowest_rpm'])}/min", one.data["slowest_rpm"]))
        for one in view.found
    )  # fmt: skip
    return Table(tuple(head), rows, "What each project needs, alone")


def _needed(one: Project, name: str) -> Cell:
    value, span = one.needed.get(name), one.data["needed_ci95"].get(name)
    if value is None or span is None:
        return Cell(MISSING)
    return Cell(whole(value), float(value), _span(span), "quiet")


def _span(span: Mapping[str, int | None]) -> str:
    """An interval of a limit; open where these replications can't close it."""
    low, high = span["low"], span["high"]
    if low is None:
        return "no interval"
    if high is None:
        return f"{whole(low)} or more"
    return f"{whole(low)} to {whole(high)}" if low < high else f"{whole(high)}, no less"


# Objectives


def objectives_table(view: View) -> Table:
    """Every objective with everybody there, on draws that the search has not seen."""
    head = (Head("Objective"), Head("Today", NUMBER), Head("Recommended", NUMBER), Head("Verdict"),
            Head("Replications that meet it", NUMBER), Head("Asked by", QUIET))  # fmt: skip
    return Table(head, tuple(_objective(one) for one in view.objectives), "Objectives, today and recommended")


def _objective(one: Mapping[str, Any]) -> tuple[Cell, ...]:
    now, then = stat(one, "value"), stat(one["today"], "value")
    metric, asked = one["metric"], "tune, by default" if one["source"] == "default" else "the scenario"
    kind = kind_of(metric)
    verdict = Cell("✓ met", tone="good") if one["met"] else Cell("✗ missed", tone="bad")
    mark = "met" if one["today"]["met"] else "missed"
    return (
        Cell(objective_text(one["text"])),
        Cell(value_text(then, kind), then.mean, mark, "quiet", half_text(then, kind)),
        Cell(value_text(now, kind), now.mean, half=half_text(now, kind)),
        verdict, Cell(_share(one["met_share"]), one["met_share"]), Cell(asked),
    )  # fmt: skip


# The account


def ways_table(account: Mapping[str, Any]) -> Table:
    """The ways to share one account, each tried with everybody there."""
    gives, needed = account["gives"], account["needed"]
    names = [name for name in LABELS if gives.get(name) is not None and needed.get(name) is not None]
    head = (Head("Way"), *(Head(f"{LABELS[name]} in all", NUMBER) for name in names), Head("Goals met", NUMBER),
            Head("Expected on new draws", NUMBER), Head("Farthest from its goal", NUMBER),
            Head("Worst shortfall", NUMBER))  # fmt: skip
    rows = tuple(_way(one, names, account["gives"]) for one in account["ways"])
    return Table(head, rows, f"Ways to share {account['name']}")


def _way(one: Mapping[str, Any], names: Sequence[str], gives: Mapping[str, Any]) -> tuple[Cell, ...]:
    sums = [Cell(whole(one[name]), one[name], f"of {whole(gives[name])}", "bad" if one[name] > gives[name] else "quiet")
            for name in names]  # fmt: skip
    falls, far = len(one["shortfall"]), one["worst_distance"]
    worst = percent(one["worst_shortfall"]) if falls else "none"
    return (
        Cell(way_text(one), sub="✓ recommended" if one["chosen"] else "", tone="good" if one["chosen"] else ""), *sums,
        Cell(f"{one['met']} of {one['of']}", one["met"], f"{one['sure']} with confidence", "quiet"),
        Cell(f"{one['expected']:.1f}", one["expected"]), Cell(percent(far, 1) if far else "none", far),
        Cell(worst, one["worst_shortfall"], f"{falls} short" if falls else ""),
    )  # fmt: skip


# Around each setting


def sensitivity_table(view: View) -> Table:
    """What 10 % less and more of each limit do to the first success objective."""
    parts = _parts(view)
    head = (Head("Project"), Head("At its needs", NUMBER), *(Head(label, NUMBER) for label, _ in parts))
    rows = tuple(_sensitivity(one, parts) for one in view.found)
    return Table(head, rows, "Success with a tenth less and a tenth more")


def _parts(view: View) -> list[tuple[str, tuple[tuple[str, ...], int]]]:
    """Heading → (limits, per cent)."""
    names = [(name,) for name in view.dimensions] + ([view.dimensions] if len(view.dimensions) > 1 else [])
    label = {(name,): LABELS[name] for name in view.dimensions} | {view.dimensions: "all"}
    if len(view.dimensions) == 1:
        label[view.dimensions] = LABELS[view.dimensions[0]]
    return [
        (f"10{NB}% {'less' if way < 0 else 'more'} {_lower(label[one])}", (one, way))
        for one in names
        for way in (-10, 10)
    ]


def _lower(text: str) -> str:
    return text if text == "RPM" else text[:1].lower() + text[1:]


def _sensitivity(one: Project, parts: Sequence[tuple[str, tuple[tuple[str, ...], int]]]) -> tuple[Cell, ...]:
    told = {(tuple(row["of"]), row["percent"]): row for row in one.data["sensitivity"]}
    base = next(row for row in one.data["alone"] if row["text"] == one.primary["text"])
    cells = [Cell(one.name, one.name, token=one.token), measured(stat(base, "value"), one.primary["metric"])]
    return (*cells, *(_changed(one, told.get(key)) for _, key in parts))


def _changed(one: Project, row: Mapping[str, Any] | None) -> Cell:
    if row is None:
        return Cell(MISSING)
    found = next(each for each in row["objectives"] if each["text"] == one.primary["text"])
    change = stat(found, "difference")
    kind = kind_of(one.primary["metric"])
    values = "/".join(whole(row["settings"][name]) for name in row["settings"] if row["settings"][name] is not None)
    tone = "quiet" if found["met"] else "bad"
    sub = f"at {values}{'' if found['met'] else ', missed'}"
    return Cell(value_text(change, kind, sign=True, unit="points" if kind == "share" else None), change.mean, sub, tone)


def policies_table(view: View) -> Table:
    """The burst that each project would need under each retry policy, and its success as things are."""
    policies = [None, *dict.fromkeys(row["retry"] for one in view.found for row in one.data["retry"] if row["retry"])]
    names = ["Its own", *(f"“{name}”" for name in policies if name)]
    head = (Head("Project"), *(Head(f"{name}: burst", NUMBER) for name in names))
    rows = tuple(
        (Cell(one.name, one.name, token=one.token), *(_policy(one, name) for name in policies)) for one in view.found
    )
    return Table(head, rows, "The burst that each retry policy needs at the same RPM")


def _policy(one: Project, name: str | None) -> Cell:
    row = next((each for each in one.data["retry"] if each["retry"] == name), None)
    if row is None:
        return Cell("its own", float("nan"), tone="quiet")
    found = next(each for each in row["objectives"] if each["text"] == one.primary["text"])
    kind = kind_of(one.primary["metric"])
    burst = _enough(row["burst"])
    if name is None:
        return Cell(burst.text, burst.sort, value_text(stat(found, "value"), kind), "quiet")
    change = stat(found, "difference")
    tone = SIGNS[change.mean > 0] if change.differs else "quiet"
    return Cell(
        burst.text, burst.sort, value_text(change, kind, sign=True, unit="points" if kind == "share" else None), tone
    )


def retry_table(view: View) -> Table:
    """Every number of each project under other retry policies."""
    head = (Head("Project"), Head("Retry policy", QUIET), Head("Success", NUMBER), Head("Attempts per request", NUMBER),
            Head("Latency p95", NUMBER), Head("Burst needed at the same RPM", NUMBER))  # fmt: skip
    rows = [cells for one in view.found for cells in _retries(one)]
    return Table(
        head, tuple(rows), "Other retry policies at the same settings", fold="Attempts and latency of each policy"
    )


def _retries(one: Project) -> Iterator[tuple[Cell, ...]]:
    for row in one.data["retry"]:
        found = next(each for each in row["objectives"] if each["text"] == one.primary["text"])
        change = stat(found, "difference") if "difference" in found else None
        success = measured(stat(found, "value"), one.primary["metric"], change, "its own")
        yield (
            Cell(one.name, one.name, token=one.token), Cell(row["retry"] or "as configured"), success,
            *(_plain(row, name) for name in ("attempts_per_request", "latency_p95_s")),
            _enough(row["burst"]),
        )  # fmt: skip


def _enough(burst: int | None) -> Cell:
    """A burst, or that none would do."""
    return Cell("none is enough", float("inf")) if burst is None else Cell(whole(burst), float(burst))


def _plain(row: Mapping[str, Any], metric: str) -> Cell:
    found = stat(row, metric)
    return Cell(value_text(found, kind_of(metric)), found.mean, half=half_text(found, kind_of(metric)))


def theory_table(view: View) -> Table | None:
    """What Poisson theory says at each project's RPM, beside what its traffic needs."""
    told = [(one, one.data["theory"]) for one in view.found if one.data["theory"]]
    if not told:
        return None
    head = (Head("Project"), Head("Load of its RPM", NUMBER), Head("CV of gaps", NUMBER), Head("Busiest min", NUMBER),
            Head("May lose", NUMBER), Head("Poisson burst", NUMBER), Head("Burst without retries", NUMBER),
            Head("Burst with retries", NUMBER))  # fmt: skip
    return Table(head, tuple(_theory(one, it) for one, it in told), "Poisson theory and this traffic")


def _theory(one: Project, it: Mapping[str, Any]) -> tuple[Cell, ...]:
    busiest = it["busiest_minute"] or 0.0
    mean = it["per_minute"] or 0.0
    return (
        Cell(one.name, one.name, token=one.token), Cell(_share(it["load"]), it["load"]),
        Cell(_number(it["gap_cv"]), it["gap_cv"]),
        Cell(_number(busiest, 0), busiest, f"{busiest / mean:.1f}× the mean" if mean else "", "quiet" if mean else ""),
        Cell(_share(it["target_loss"], 1), it["target_loss"]),
        *(_enough(it[name]) for name in ("poisson_burst", "traffic_burst", "burst")),
    )  # fmt: skip


def contour_table(view: View) -> Table | None:
    """The smallest burst at each RPM that was looked at."""
    told = [one for one in view.found if one.data["contour"]]
    if not told:
        return None
    head = (
        Head("Project"),
        Head("RPM", NUMBER),
        Head("Smallest burst", NUMBER),
        Head("Worst minute", NUMBER),
        Head(""),
    )
    rows = [
        (Cell(one.name, one.name, token=one.token),
         *(Cell(whole(point[name]), point[name]) for name in ("rpm", "burst", "worst_minute")), Cell(_mark(one, point)))
        for one in told
        for point in one.data["contour"]
    ]  # fmt: skip
    return Table(head, tuple(rows), "The contour of each project", fold="The smallest burst at each RPM, as a table")


def _mark(one: Project, point: Mapping[str, Any]) -> str:
    same = [name for name, side in (("needed", one.needed), ("recommended", one.recommended))
            if side.get("rpm") == point["rpm"] and side.get("burst") == point["burst"]]  # fmt: skip
    return " and ".join(same)
