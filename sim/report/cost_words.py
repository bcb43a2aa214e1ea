"""What a cost study found, in sentences; the first answers the question."""

from __future__ import annotations

from collections.abc import Iterator

from sim.report.cost_view import Json, View, between, dollars, percent, quoted, share_between, usd
from sim.report.numbers import Stat, stat

FEW = 368
"""Months from which on the 99th percentile has an upper bound."""


def question(view: View) -> str:
    """The scenario's own question, or the study's."""
    return str(view.summary["scenario"]["question"]) or "What does a month cost, and how surely?"


def headline(view: View) -> str:
    """The answer in one sentence."""
    saving = view.saving
    if saving is not None:
        return _of_saving(saving)
    first, *others = view.names
    text = f"A month costs {usd(view.bill(first, 'bill_mean'))} under {quoted(first)}"
    if others:
        far = max(others, key=lambda name: abs(stat(view.summary["differences"][name], "bill_mean").mean))
        change = stat(view.summary["differences"][far], "bill_mean")
        if abs(change.mean) < 0.5:
            return f"{text} and the same elsewhere; {_tail(view, first)}"
        less = "less" if change.mean < 0 else "more"
        return f"{text} and {usd(_absolute(change))} {less} under {quoted(far)}; {_tail(view, first)}"
    return f"{text}; {_tail(view, first)}"


def _of_saving(saving: Json) -> str:
    last = saving["to"][-1]
    isolation, bill, share = (stat(saving, name) for name in ("isolation", "isolation_bill", "isolation_bill_share"))
    text = (
        f"With the price held equal, {quoted(last)} saves {usd(bill)} a month of the bill of {quoted(saving['from'])} "
        f"({percent(share.mean)}), and {usd(isolation)} with everything else that is counted"
    )
    if not saving["prices"]:
        return text
    price = stat(saving, "price_share")
    return (
        f"{text}; of what isolation and the new prices together take off the bill, {percent(price.mean)} is the price"
    )


def _absolute(value: Stat) -> Stat:
    return value if value.mean >= 0 else Stat(-value.mean, -value.high, -value.low)


def _tail(view: View, name: str) -> str:
    total = view.configuration(name)["total"]
    return f"one month in twenty costs more than {dollars(total['bill_p95']['mean'])} under {quoted(name)}"


def details(view: View) -> Iterator[str]:
    """What belongs to the answer."""
    for name in dict.fromkeys((view.names[0], view.names[-1])):
        yield _month(view, name)
    if view.saving is not None:
        yield _after(view, view.saving)
    lost = _lost(view)
    if lost:
        yield lost
    if view.summary["tornado"] is not None and view.summary["tornado"]["bars"]:
        yield _tornado(view)


def _month(view: View, name: str) -> str:
    total = view.configuration(name)["total"]
    text = (
        f"{quoted(name)}: {usd(view.bill(name, 'bill_mean'))} a month on average, {dollars(total['bill_p50']['mean'])} "
        f"in the middle month, {dollars(total['bill_p95']['mean'])} in one of twenty ({between(total['bill_p95'])}), "
        f"{dollars(total['bill_worst']['mean'])} in the worst of {view.months:,}"
    )
    if view.budget is not None:
        exceed = total["exceed"]
        text += f"; {percent(exceed['mean'], 1)} of months ({share_between(exceed)}) exceed {dollars(view.budget)}"
    return text + "."


def _after(view: View, saving: Json) -> str:
    before, after = stat(saving, "before"), stat(saving, "after")
    return (
        f"With everything that is counted a month costs {usd(before)} at first and {usd(after)} at last: "
        f"{usd(stat(saving, 'total'))} less. The waterfall says what that is made of."
    )


def _lost(view: View) -> str:
    """Work that a configuration leaves undone is no saving."""
    first = view.names[0]
    shares = {name: stat(view.configuration(name), "lost_share").mean for name in view.names}
    worst = max(shares, key=lambda name: shares[name])
    if worst == first or shares[worst] < max(0.005, 1.5 * shares[first]):
        return ""
    return (
        f"Part of it is work not done: {quoted(worst)} leaves {percent(shares[worst], 1)} of the teams’ own requests "
        f"without an answer, {quoted(first)} {percent(shares[first], 1)}."
    )


def _tornado(view: View) -> str:
    bar = view.summary["tornado"]["bars"][0]
    low, high = sorted((bar["at_low"], bar["at_high"]))
    what = "the saving at an equal price" if view.summary["tornado"]["outcome"] == "saving" else "the cost"
    return (
        f"The assumption that matters most is {bar['title']}: from one end of its range to the other, {what} goes from "
        f"{dollars(low)} to {dollars(high)}."
    )


def warnings(view: View) -> Iterator[str]:
    """What a reader has to mind."""
    if view.months < FEW:
        yield (
            f"{view.months:,} months are too few to bound the 99th percentile from above; it takes {FEW} "
            f"(--months {FEW})."
        )
    undecided = sum(1 for claim in view.summary["claims"] if claim["verdict"] == "undecided")
    if undecided:
        yield f"{undecided} of the claims can't be decided by {view.months:,} months."
    for note in view.summary["notes"]:
        yield str(note)
