"""The tables of a cost report for a spreadsheet: plain numbers, dollars and shares."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]


def _table(rows: Iterable[Iterable[Any]]) -> str:
    target = io.StringIO()
    csv.writer(target, lineterminator="\n").writerows(rows)
    return target.getvalue()


def _ends(found: Json) -> list[Any]:
    """Value, low, high; an open end is empty."""
    low, high = found["ci95"]
    return [found["mean"], "" if low is None else low, "" if high is None else high]


def bills_csv(summary: Json) -> str:
    """A row a configuration, team (``total``: all) and measure."""
    return _table(_bills(summary))


def _bills(summary: Json) -> Iterator[list[Any]]:
    yield ["configuration", "team", "measure", "value", "low95", "high95"]
    for name, one in summary["configurations"].items():
        for team, measures in {"total": one["total"], **one["teams"]}.items():
            for measure, found in measures.items():
                if isinstance(found, Mapping):
                    yield [name, team, measure, *_ends(found)]
        for measure in ("planned_mean", "overage_mean", "other_mean", "total_mean", "lost_share"):
            yield [name, "total", measure, *_ends(one[measure])]
        for section in ("causes", "other"):
            for key, found in one[section].items():
                yield [name, "total", f"{section}:{key}", *_ends(found)]


def saving_csv(summary: Json) -> str:
    """A row a bar of the waterfall, in its order; empty without a saving."""
    saving = summary["saving"]
    if saving is None:
        return ""
    bars = [["saved", bar["kind"], bar["name"], *_ends(bar)] for bar in saving["bars"]]
    ends = [[key, "", "", *_ends(saving[key])] for key in ("before", "after", "total", "isolation", "isolation_bill")]
    return _table([["row", "kind", "name", "usd_per_month", "low95", "high95"], *bars, *ends])


def tornado_csv(summary: Json) -> str:
    """A row an assumption, the one that matters most first; empty where nothing is uncertain."""
    tornado = summary["tornado"]
    if tornado is None:
        return ""
    keys = ("key", "title", "unit", "low", "mode", "high", "source", "at_low", "at_high")
    rows = [[*(bar[key] for key in keys), *_ends(bar["swing"])] for bar in tornado["bars"]]
    return _table([[*keys, "difference", "low95", "high95"], *rows])
