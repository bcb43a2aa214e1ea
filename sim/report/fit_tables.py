"""The tables of a fit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from sim.report.document import NUMBER, Cell, Head, Table
from sim.report.fit_words import METRICS, NAMELESS, TOTAL, signed
from sim.report.import_view import count_text, digits, per_time, percent
from sim.report.numbers import MISSING, NB, Stat, half_text, value_text

Told = Mapping[str, Any]

SHOWN = 40
TONES = {"agrees": "good", "near": "", "differs": "bad", "unknown": "quiet"}
KINDS = {"share": "share", "s": "seconds", "usd": "usd"}


def _plain(value: float | None) -> Cell:
    return Cell(MISSING, math.nan) if value is None else Cell(digits(value), value)


def stat_of(number: Told) -> Stat:
    """An estimate as tables show it."""
    low, high = (math.nan if each is None else each for each in number["ci95"])
    value = number["value"]
    return Stat(math.nan if value is None else value, low, high)


def _name(stream: Told) -> tuple[Cell, Cell]:
    return Cell(stream["team"]), Cell(stream["model"] or NAMELESS)


def refusals_table(told: Told, teams: bool) -> Table:
    """Log against fitted, limit by limit: everybody, or team by team."""
    rows = [
        (Cell(test["limit"]), Cell("everybody" if test["team"] == TOTAL else test["team"]),
         Cell(percent(_share(test["log"])), test["log"]),
         _simulated(test["fitted"]),
         Cell(_range(test["spread"])), _error(test, told["tolerance"]))
        for test in told["throttling"] if (test["team"] == TOTAL) != teams
    ]  # fmt: skip
    heads = (Head("Limit"), Head("Team"), Head("Log, refused", NUMBER), Head("Fitted, refused", NUMBER),
             Head("Single runs, 5th to 95th", NUMBER), Head("Difference", NUMBER))  # fmt: skip
    fold = f"{len(rows)} rows, team by team" if teams else ""
    return Table(heads, tuple(rows), "Refusals at test limits" + (", by team" if teams else ""), fold=fold)


def _simulated(number: Told) -> Cell:
    shown = stat_of(number)
    return Cell(percent(shown.mean), shown.mean, half=half_text(shown, "share"))


def _share(value: float | None) -> float:
    return math.nan if value is None else value


def _range(pair: list[float | None]) -> str:
    low, high = pair
    return MISSING if low is None or high is None else f"{percent(low)} to {percent(high)}"


def _error(test: Told, tolerance: float) -> Cell:
    error = test["error"]
    if error is None:
        return Cell(MISSING, math.nan)
    good = abs(error) <= tolerance
    chance = "" if good or not test["likely"] else "within chance"
    return Cell(signed(error), error, sub=chance, tone="good" if good else "quiet" if chance else "bad")


def arrivals_table(told: Told) -> Table:
    """The process of each stream, and how unevenly both sides come."""
    rows = []
    for stream in told["streams"][:SHOWN]:
        log, own = stream["log"], stream["fitted"]
        process = "sessions" if stream["session"] else stream["chosen"]["process"]
        rows.append((
            *_name(stream), Cell(count_text(stream["requests"]), stream["requests"]),
            Cell(process, sub=_values(stream)),
            _pair(log, own, "cv"), *(_pair(log, own, "peak_to_mean", scale) for scale in ("1s", "1min", "10min")),
            *(_pair(log, own, "dispersion", scale) for scale in ("1s", "1min")),
        ))  # fmt: skip
    heads = (Head("Team"), Head("Model"), Head("Requests", NUMBER), Head("Arrivals"), Head("CV of gaps", NUMBER),
             *(Head(f"Peak {scale}", NUMBER) for scale in ("1 s", "1 min", "10 min")),
             *(Head(f"Dispersion {scale}", NUMBER) for scale in ("1 s", "1 min")))  # fmt: skip
    return Table(heads, tuple(rows), "Arrivals: the log, and below it the fitted scenario in one run")


def _values(stream: Told) -> str:
    """The parameters with their intervals."""
    told = []
    for name, number in stream["chosen"]["values"].items():
        text = per_time(number["value"]) if name == "rate" else digits(number["value"])
        unit = f"{NB}s" if name in ("on", "off", "start", "at", "every") else ""
        low, high = number["ci95"]
        scale = number["value"] if name == "rate" else None
        half = "" if low is None or low == high else f" ({_bound(low, scale)} to {_bound(high, scale)})"
        told.append(f"{name} {text}{unit}{half}")
    return ", ".join(told)


def _bound(value: float, per_minute: float | None) -> str:
    return digits(value) if per_minute is None else per_time(value)


def _pair(log: Told, own: Told | None, key: str, scale: str | None = None) -> Cell:
    value = log[key] if scale is None else log[key][scale]
    other = None if own is None else own[key] if scale is None else own[key][scale]
    if value is None:
        return Cell(MISSING, math.nan)
    return Cell(digits(value), value, sub=MISSING if other is None else digits(other), tone="quiet")


def candidates_table(told: Told) -> Table:
    """What else was fitted, by AIC."""
    rows = []
    for stream in told["streams"][:SHOWN]:
        best = min(each["aic"] for each in stream["candidates"])
        for each in sorted(stream["candidates"], key=lambda one: one["aic"])[:8]:
            taken = "taken" if each["process"] == stream["chosen"]["process"] else ""
            rows.append((*_name(stream), Cell(each["process"], sub=taken, tone="good" if taken else ""),
                         Cell(f"{each['parameters']:,}", each["parameters"]),
                         Cell(f"{each['aic'] - best:,.0f}", each["aic"] - best),
                         Cell(signed(each["refusal_error"]), _share(each["refusal_error"]))))  # fmt: skip
    heads = (Head("Team"), Head("Model"), Head("Process"), Head("Parameters", NUMBER),
             Head("AIC above the best", NUMBER), Head("Worst error of refusals", NUMBER))  # fmt: skip
    return Table(heads, tuple(rows), "Candidates", fold=f"{len(rows)} candidates, the best eight of each stream")


def sizes_table(told: Told) -> Table:
    """Sizes of both sides."""
    rows = []
    for stream in told["streams"][:SHOWN]:
        for side in ("input", "output"):
            size = stream[side]
            cells = (_both(size["log"][key], size["fitted"][key]) for key in ("mean", "p50", "p95", "p99"))
            rows.append((*_name(stream), Cell(side), Cell(size["kind"]), *cells,
                         Cell(f"{size['distance']:.3f}", size["distance"])))  # fmt: skip
    heads = (Head("Team"), Head("Model"), Head("Size"), Head("As"),
             *(Head(name, NUMBER) for name in ("Mean", "p50", "p95", "p99")), Head("Distance", NUMBER))  # fmt: skip
    return Table(heads, tuple(rows), "Tokens a request: the log, and below it the fitted scenario")


def _both(log: float, own: float) -> Cell:
    return Cell(count_text(log), log, sub=count_text(own), tone="quiet")


def providers_table(told: Told) -> Table | None:
    """How models answered."""
    rows = [
        (Cell(one["model"] or NAMELESS), Cell(count_text(one["requests"]), one["requests"]),
         *(_time(one[part], key, unit) for part, unit in (("first_token_s", 1.0), ("per_token_s", 1000.0))
           for key in ("median", "p95")), Cell(one["why"]))
        for one in told["providers"] if one["first_token_s"] is not None
    ]  # fmt: skip
    heads = (Head("Model"), Head("Answers", NUMBER), Head("First token p50", NUMBER), Head("p95", NUMBER),
             Head("Each token p50", NUMBER), Head("p95", NUMBER), Head("From"))  # fmt: skip
    return Table(heads, tuple(rows), "Answer times, lognormal") if rows else None


def _time(times: Told | None, key: str, scale: float) -> Cell:
    if times is None:
        return Cell(MISSING, math.nan)
    shown = stat_of(times[key]).scaled(scale)
    return Cell(f"{digits(shown.mean)}{NB}{'s' if scale == 1 else 'ms'}", shown.mean,
                half=half_text(shown, "seconds"))  # fmt: skip


def clients_table(told: Told) -> Table:
    """What the log shows of clients."""
    rows = tuple(
        (Cell(one["team"]), Cell(f"{one['max_attempts']}" if one["max_attempts"] else MISSING), Cell(one["why"]))
        for one in told["clients"][:SHOWN]
    )
    return Table((Head("Team"), Head("Attempts", NUMBER), Head("From")), rows, "Clients")


def history_table(history: Told) -> Table:
    """Recorded against simulated, everybody first."""
    ordered: Iterable[Told] = sorted(history["rows"], key=lambda row: row["team"] != TOTAL)
    rows = []
    for row in ordered:
        kind, shown = KINDS[row["unit"]], stat_of(row["simulated"])
        rows.append((
            Cell("everybody" if row["team"] == TOTAL else row["team"]), Cell(METRICS[row["metric"]]),
            Cell(value_text(Stat(row["recorded"]), kind), row["recorded"]),
            Cell(value_text(shown, kind), shown.mean, half=half_text(shown, kind)),
            Cell(row["verdict"], tone=TONES[row["verdict"]]),
        ))  # fmt: skip
    heads = (Head("Team"), Head("What"), Head("Recorded", NUMBER), Head("Simulated", NUMBER), Head("Verdict"))
    return Table(heads, tuple(rows), "Recorded and simulated")
