"""The tables of a cost report."""

from __future__ import annotations

from sim.report.cost_view import CAUSES, PER, Json, View, between, dollars, half, percent, quoted, share_between
from sim.report.document import NUMBER, QUIET, Cell, Head, Table
from sim.report.numbers import MISSING, NB, Stat, number, stat

Row = tuple[Cell, ...]
TONES = {"supported": "good", "not supported": "bad", "undecided": "", "can't be tested": "quiet"}
MEASURES = {
    "bill_mean": "mean bill", "bill_sd": "standard deviation of the bill", "bill_p50": "median bill",
    "bill_p95": "95th percentile of the bill", "bill_p99": "99th percentile of the bill", "bill_worst": "worst bill",
    "exceed": "months over the budget", "overage_mean": "mean overage", "lost_share": "own requests without an answer",
    "other_mean": "other costs", "total_mean": "mean of all costs", "total": "saved in all",
    "bill": "saved of the bill",
    "bill_share": "saved of the bill", "new_bill": "mean bill at the end", "price_share": "the price’s part",
    "isolation": "saved at an equal price", "isolation_bill": "saved of the bill at an equal price",
    "isolation_bill_share": "saved of the bill at an equal price",
}  # fmt: skip
"""What a claim's measures are called."""
UNITS = {"usd": "", "hours": f"{NB}h", "per_month": f"{NB}a month", "factor": ""}


def money(value: Stat) -> Cell:
    """Dollars with half the interval."""
    return Cell(dollars(value.mean) if value.known else MISSING, value.mean, half=half(value))


def ranged(found: Json) -> Cell:
    """Dollars with the interval below, which need not lie evenly around."""
    return Cell(dollars(found["mean"]), found["mean"], between(found), "quiet")


def share(found: Json) -> Cell:
    """A share with its interval below."""
    return Cell(percent(found["mean"], 1), found["mean"], share_between(found), "quiet")


def bills_table(view: View) -> Table:
    """Every configuration: what its months cost."""
    heads = ["Mean", "Standard deviation", "Median", "95th percentile", "99th percentile", "Worst"]
    budget = [Head(f"Over {dollars(view.budget)}", NUMBER)] if view.budget is not None else []
    rows = []
    for name in view.names:
        total = view.configuration(name)["total"]
        cells = [money(stat(total, "bill_mean")), ranged(total["bill_sd"])]
        cells += [ranged(total[key]) for key in ("bill_p50", "bill_p95", "bill_p99")]
        worse = f"a worse one: under {percent(total['worse_chance'], 1)}"
        cells.append(Cell(dollars(total["bill_worst"]["mean"]), total["bill_worst"]["mean"], worse, "quiet"))
        cells += [share(total["exceed"])] if budget else []
        rows.append((Cell(name), *cells))
    return Table((Head("Configuration"), *(Head(text, NUMBER) for text in heads), *budget), tuple(rows),
                 "Dollars billed a month, all teams together")  # fmt: skip


def differences_table(view: View) -> Table | None:
    """Every configuration against the first, months in pairs."""
    if len(view.names) < 2:
        return None
    keys = {
        "bill_mean": "Mean bill",
        "bill_p50": "Median",
        "bill_p95": "95th percentile",
        "bill_p99": "99th percentile",
        "total_mean": "Mean with other costs",
    }
    rows = [
        (Cell(name), *(_change(view.summary["differences"][name][key]) for key in keys)) for name in view.names[1:]
    ]  # fmt: skip
    caption = f"Change against {quoted(view.names[0])}, dollars a month, months in pairs"
    return Table((Head("Configuration"), *(Head(text, NUMBER) for text in keys.values())), tuple(rows), caption)


def _change(found: Json) -> Cell:
    low, high = found["ci95"]
    known = low is not None and high is not None
    tone = ("good" if high < 0 else "bad" if low > 0 else "quiet") if known else "quiet"
    sign = "+" if round(found["mean"]) > 0 else ""
    return Cell(sign + dollars(found["mean"]), found["mean"], between(found), tone)


def causes_table(view: View) -> Table:
    """What the bill is for, and what comes beside it: a column a configuration."""
    ones = {name: view.configuration(name) for name in view.names}
    rows = [_across(label, [stat(one["causes"], cause) for one in ones.values()]) for cause, label in CAUSES.items()]
    for item, per in view.summary["items"].items():
        rows.append(_across(item, [stat(one["other"], item) for one in ones.values()], PER[per]))
    lost = (Cell("own requests lost"), *(share(one["lost_share"]) for one in ones.values()))
    foot = (
        _across("all", [stat(one, "total_mean") for one in ones.values()]),
        _across("overage in the bill", [stat(one, "overage_mean") for one in ones.values()]),
        lost,
    )
    head = (Head("Dollars a month"), *(Head(name, NUMBER) for name in view.names))
    return Table(head, tuple(rows), "Dollars a month on average, by cause", foot)


def _across(label: str, values: list[Stat], sub: str = "") -> Row:
    return (Cell(label, sub=sub, tone="quiet" if sub else ""), *(money(value) for value in values))


def levers_table(saving: Json) -> Table:
    """Each lever's part of each component, averaged over the orders."""
    components = list(saving["levers"][0]["components"])
    head = (Head("Lever"), *(Head("bill" if one == "bill" else one, NUMBER) for one in components), Head("All", NUMBER))
    rows = []
    for lever in saving["levers"]:
        cells = [money(stat(lever["components"], one)) for one in components]
        rows.append((Cell(lever_text(lever["lever"])), *cells, money(stat(lever, "total"))))
    return Table(head, tuple(rows), "What each lever saves of what, dollars a month")


def lever_text(lever: str) -> str:
    """A lever in words."""
    return "the price list" if lever == "price" else f"to {quoted(lever)}"


def steps_table(saving: Json) -> Table:
    """The steps at the old prices."""
    head = (Head("Step"), Head("Saved of the bill", NUMBER), Head("Saved in all", NUMBER))
    rows = [
        (Cell(f"{quoted(one['from'])} to {quoted(one['to'])}"), money(stat(one, "bill")), money(stat(one, "total")))
        for one in saving["steps"]
    ]
    total = (Cell("All steps"), money(stat(saving, "isolation_bill")), money(stat(saving, "isolation")))
    return Table(head, tuple(rows), "Isolation alone: the price held equal, dollars a month", (total,))


def claims_table(view: View) -> Table:
    """Every claim with its verdict, the numbers behind it, and why."""
    rows = []
    for claim in view.summary["claims"]:
        numbers = "; ".join(_found(tests) for tests in _by_measure(claim["tests"]))
        why = " ".join(filter(None, (_sentence(claim["untestable"]), claim["because"])))
        verdict = Cell(claim["verdict"], claim["verdict"], tone=TONES[claim["verdict"]])
        rows.append(
            (Cell(claim["says"], sub=claim["source"], tone="quiet"), verdict, Cell(numbers or MISSING), Cell(why))
        )
    return Table((Head("Claim"), Head("Verdict"), Head("By the model"), Head("Why")), tuple(rows), "Claims")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""


def _by_measure(tests: list[Json]) -> list[list[Json]]:
    """The tests of a claim that speak of one number stand together."""
    found: dict[tuple[str, str], list[Json]] = {}
    for test in tests:
        found.setdefault((test["subject"], test["measure"]), []).append(test)
    return list(found.values())


def _found(tests: list[Json]) -> str:
    """A number with its interval, and what was asked of it."""
    test = tests[0]
    what = MEASURES.get(test["measure"], test["measure"])
    where = "" if test["subject"] == "saving" else f" under {quoted(test['subject'])}"
    if test["found"] is None:
        return f"{what}{where}: not run"
    asked = " and ".join(f"{'at least' if one['op'] == '>=' else 'at most'} {_bound(one)}" for one in tests)
    shown = percent(test["found"]["mean"], 1) if _is_share(test) else dollars(test["found"]["mean"])
    around = share_between(test["found"]) if _is_share(test) else between(test["found"])
    return f"{what}{where}: {shown} ({around}); asked for: {asked}"


def _is_share(test: Json) -> bool:
    measure = str(test["measure"])
    return measure == "exceed" or measure.endswith("share")


def _bound(test: Json) -> str:
    return percent(test["bound"]) if _is_share(test) else dollars(test["bound"])


def tornado_table(view: View) -> Table:
    """Every uncertain assumption with its ends."""
    tornado = view.summary["tornado"]
    what = "Saving" if tornado["outcome"] == "saving" else "Cost"
    head = (Head("Assumption"), Head("Low", NUMBER), Head("High", NUMBER), Head(f"{what} at low", NUMBER),
            Head(f"{what} at high", NUMBER), Head("Difference", NUMBER))  # fmt: skip
    rows = [
        (Cell(bar["title"]), _value(bar, "low"), _value(bar, "high"), Cell(dollars(bar["at_low"]), bar["at_low"]),
         Cell(dollars(bar["at_high"]), bar["at_high"]), money(stat(bar, "swing")))
        for bar in tornado["bars"]
    ]  # fmt: skip
    return Table(head, tuple(rows), f"One assumption at a time, {tornado['months']:,} months each")


def _value(one: Json, which: str) -> Cell:
    return Cell(value_text(one, which), one[which])


def value_text(one: Json, which: str) -> str:
    """An end of a range with its unit."""
    value = one[which]
    if one["unit"] == "usd":
        return f"${value:,.2f}" if 0 < value < 10 else dollars(value)
    digits = 0 if value >= 10 or value == int(value) else 2
    return ("× " if one["unit"] == "factor" else "") + number(value, digits) + UNITS[one["unit"]]


def assumptions_table(view: View) -> Table:
    """Every assumption with its range and its source."""
    rows = [
        (Cell(one["title"]), *(_value(one, which) for which in ("low", "mode", "high")), Cell(one["source"] or MISSING))
        for one in view.summary["assumptions"]
        if one["source"] or one["low"] < one["high"]
    ]
    head = (
        Head("Assumption"),
        Head("Low", NUMBER),
        Head("Likeliest", NUMBER),
        Head("High", NUMBER),
        Head("Source", QUIET),
    )
    return Table(head, tuple(rows), "Assumptions: each month draws every range anew (triangular)")


def incidents_table(view: View) -> Table | None:
    """How often each incident came, and how many teams lost requests to it."""
    found = view.summary["incidents"]
    if not found:
        return None
    reach = [Head(f"Reach, {name}", NUMBER) for name in view.names]
    rows = [
        (
            Cell(one["name"], sub=one["kind"], tone="quiet"),
            Cell(number(one["assumed_mean"], 2), one["assumed_mean"]),
            Cell(number(one["drawn_mean"]["mean"], 2), one["drawn_mean"]["mean"]),
            *(_reach(one["reached_share"][name]) for name in view.names),
        )
        for one in found
    ]
    head = (Head("Incident"), Head("Assumed a month", NUMBER), Head("Drawn a month", NUMBER), *reach)
    return Table(
        head,
        tuple(rows),
        "Incidents; reach: share of the teams that lost requests to what it refuses, in months with one",
    )


def _reach(found: Json | None) -> Cell:
    return Cell(percent(found["mean"]), found["mean"]) if found and found["mean"] > 0 else Cell(MISSING, 0.0)


def teams_tables(view: View) -> tuple[Table, ...]:
    """Every team's bill, one table a configuration, folded but for the first."""
    return tuple(_teams(view, name, at) for at, name in enumerate(view.names))


def _teams(view: View, name: str, at: int) -> Table:
    heads = {"bill_mean": "Mean", "bill_sd": "Standard deviation", "bill_p50": "Median", "bill_p95": "95th percentile",
             "bill_p99": "99th percentile", "bill_worst": "Worst"}  # fmt: skip
    rows = []
    for team, one in view.configuration(name)["teams"].items():
        cells = [money(stat(one, "bill_mean")), *(ranged(one[key]) for key in list(heads)[1:-1])]
        rows.append((Cell(team), *cells, Cell(dollars(one["bill_worst"]["mean"]), one["bill_worst"]["mean"])))
    fold = "" if at == 0 else f"the same for {quoted(name)}"
    head = (Head("Team"), *(Head(text, NUMBER) for text in heads.values()))
    return Table(head, tuple(rows), f"Dollars billed a month by team, {quoted(name)}", fold=fold)


__all__ = [
    "PER", "assumptions_table", "bills_table", "causes_table", "claims_table", "differences_table", "incidents_table",
    "levers_table", "steps_table", "teams_tables", "tornado_table",
]  # fmt: skip
