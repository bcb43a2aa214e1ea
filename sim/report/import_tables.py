"""The tables of an import's profile."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sim.report.document import NUMBER, Cell, Head, Table
from sim.report.import_view import Sender, View, count_text, digits, per_time, percent, span_text
from sim.report.numbers import MISSING, NB, Stat, value_text

SHOWN = 30


def _number(value: float | None, text: str) -> Cell:
    return Cell(MISSING, math.nan) if value is None else Cell(text, value)


def _plain(value: float | None) -> Cell:
    return _number(value, "" if value is None else digits(value))


def _whole(value: int) -> Cell:
    return Cell(f"{value:,}", value)


def _share(value: float) -> Cell:
    return Cell(percent(value), value)


def _usd(value: float) -> Cell:
    return Cell(value_text(Stat(value), "usd"), value)


def _name(one: Sender) -> Cell:
    return Cell(one.name, one.name, token=one.token)


def _rows(view: View, row: Any) -> tuple[tuple[Cell, ...], ...]:
    return tuple(row(one) for one in view.senders[:SHOWN])


def _table(heads: tuple[str, ...], rows: tuple[tuple[Cell, ...], ...], foot: tuple[Cell, ...], caption: str) -> Table:
    return Table((Head("Team"), *(Head(text, NUMBER) for text in heads)), rows, caption, foot=(foot,))


def teams_table(view: View) -> Table:
    """Who sends how much, at what price."""

    def row(one: Sender) -> tuple[Cell, ...]:
        return (
            _name(one) if one is not view.total else Cell("everybody"),
            Cell(count_text(one.requests), one.requests), _share(view.share(one, "requests")),
            _share(view.share(one, "tokens")), _spend(one), _share(view.share(one, "usd")),
            _limited(one), _failed(one),
        )  # fmt: skip

    heads = ("Requests", "Share", "Share of tokens", "Spend", "Share of spend", "429s seen", "Failed")
    total = view.total
    foot = (Cell("everybody"), *row(total)[1:])
    return _table(heads, _rows(view, row), foot, "Requests, tokens and spend")


def _spend(one: Sender) -> Cell:
    """Dollars; nothing where no request has a price."""
    return Cell(MISSING, math.nan) if not one.usd and one.data["cost"]["unpriced_requests"] else _usd(one.usd)


def _failed(one: Sender) -> Cell:
    known = one.data["status_known"]
    return _share(one.data["failed"] / known) if known else Cell(MISSING, math.nan)


def _limited(one: Sender) -> Cell:
    if not one.data["status_known"]:
        return Cell(MISSING, math.nan)
    share = one.data["limited"] / one.data["status_known"]
    return Cell(count_text(one.data["limited"]), share, sub=percent(share) if one.data["limited"] else "")


def bursts_table(view: View) -> Table:
    """How unevenly requests come, and how many are under way at once."""

    def row(one: Sender) -> tuple[Cell, ...]:
        busy: Mapping[str, float] | None = one.data["concurrency"]
        return (
            _name(one) if one.name != "everybody" else Cell("everybody"),
            Cell(per_time(one.data["per_minute"]), one.data["per_minute"]), _plain(one.data["cv"]),
            *(_peak(one, scale) for scale in ("1s", "1min", "10min")),
            _plain(None if busy is None else busy["mean"]),
            _number(None if busy is None else busy["peak"], "" if busy is None else f"{busy['peak']:,}"),
        )  # fmt: skip

    heads = ("Mean rate", "CV of gaps", "Peak 1 s", "Peak 1 min", "Peak 10 min", "At once, mean", "At once, peak")
    return _table(heads, _rows(view, row), row(view.total), "Burstiness and concurrency")


def _peak(one: Sender, scale: str) -> Cell:
    ratio = one.peak(scale)
    most = one.data["peak"][scale]
    return Cell(MISSING, math.nan) if ratio is None else Cell(f"{digits(ratio)}×", ratio, sub=f"{most:,}")


def sizes_table(view: View) -> Table:
    """Tokens and times of single requests."""

    def row(one: Sender) -> tuple[Cell, ...]:
        cells = [_name(one) if one.name != "everybody" else Cell("everybody")]
        for key in ("input", "output", "latency_s", "first_token_s"):
            found = one.data[key]
            for level in ("p50", "p95") if key.endswith("_s") else ("p50", "p95", "p99"):
                value = None if found is None else found[level]
                text = count_text(value or 0) if not key.endswith("_s") else f"{digits(value or 0)}{NB}s"
                cells.append(_number(value, text))
        return tuple(cells)

    heads = ("Input p50", "p95", "p99", "Output p50", "p95", "p99", "Latency p50", "p95", "First token p50", "p95")
    return _table(heads, _rows(view, row), row(view.total), "Sizes and times of requests")


def models_table(view: View) -> Table:
    """Which models are asked for, and by whom."""
    rows = []
    for one in view.summary["models"][:SHOWN]:
        users = sorted(one["teams"].items(), key=lambda pair: -pair[1])
        told = ", ".join(f"{name} {percent(count / one['requests'])}" for name, count in users[:3])
        more = f", {len(users) - 3} more" if len(users) > 3 else ""
        listed = "in the catalogue" if one["priced"] else "not in the catalogue"
        rows.append((Cell(one["model"]), Cell(count_text(one["requests"]), one["requests"]),
                     _share(one["requests"] / view.summary["requests"]), Cell(told + more), Cell(listed)))  # fmt: skip
    head = (Head("Model"), Head("Requests", NUMBER), Head("Share", NUMBER), Head("Teams"), Head("List price"))
    return Table(head, tuple(rows), "Models")


def rows_table(view: View) -> Table:
    """What became of the rows, log by log and reason by reason."""
    rows = []
    for file in view.summary["files"]:
        refused = sum(file["rejected"].values())
        rows.append((Cell(file["file"]), Cell("read"), Cell(f"{file['rows_read']:,}", file["rows_read"]),
                     Cell(f"as {file['format']}: {file['why']}")))  # fmt: skip
        rows.append((Cell(file["file"]), Cell("usable"), Cell(f"{file['rows_read'] - refused:,}"), Cell("")))
        for reason, count in file["rejected"].items():
            places = ", ".join(file["places"].get(reason, ())[:5])
            rows.append(
                (
                    Cell(file["file"]),
                    Cell(reason),
                    Cell(f"{count:,}", count),
                    Cell(f"first: {places}" if places else ""),
                )
            )
    heads = (Head("Log"), Head("Rows"), Head("Number", NUMBER), Head(""))
    return Table(heads, tuple(rows), "Rows read, kept and left out")


def quality_table(view: View) -> Table:
    """What the log says and does not say."""
    quality, summary = view.summary["quality"], view.summary
    known, silence = quality["known"], quality["longest_silence_s"]
    named = (("status", "how it ended"), ("duration", "how long it took"), ("first_token", "time to first token"),
             ("cost", "what it cost"), ("session", "its session"))  # fmt: skip
    rows = [(Cell(f"requests with {text}"), _share(known[key]), Cell("")) for key, text in named]
    rows += [
        (Cell("rows earlier than the row before"), _whole(summary["out_of_order"]), Cell("sorted")),
        (Cell("second rows with the same id"), _whole(summary["duplicates"]), Cell("left out")),
        (Cell("answered by a gateway’s cache"), _whole(quality["gateway_cached"]), Cell("kept; not replayed")),
        (Cell("in batches"), _whole(quality["batch"]), Cell("kept; not replayed")),
        (Cell("longest silence of everybody"), Cell(span_text(silence), silence),
         Cell(f"from {quality['longest_silence_at']}")),
        (Cell("names made harmless"), _whole(quality["hidden_names"]), Cell("they looked like keys or addresses")),
    ]  # fmt: skip
    return Table((Head("What"), Head("Number", NUMBER), Head("")), tuple(rows), "Data quality")


def bill_table(view: View) -> Table | None:
    """What a bill beside the log says, by workspace and model."""
    bill = view.summary["bill"]
    if not bill:
        return None
    rows = tuple((Cell(one["team"]), Cell(one["model"] or "other"), _usd(one["usd"])) for one in bill["rows"])
    foot = ((Cell("everybody"), Cell(""), _usd(bill["usd"])),)
    return Table((Head("Team"), Head("Model"), Head("Billed", NUMBER)), rows, "The bill", foot=foot)
