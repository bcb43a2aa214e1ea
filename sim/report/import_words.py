"""What an import found, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from sim.report.import_view import View, count_text, digits, per_time, percent, span_text
from sim.report.numbers import Stat, value_text

FEW = 0.001


def headline(view: View) -> str:
    """Who sends most, and how unevenly."""
    summary = view.summary
    count = f"{count_text(summary['requests'])} requests in {span_text(summary['span_s'])}"
    if len(view.senders) == 1:
        name = view.senders[0].name
        return f"{count}{'' if name == '(none)' else f', all from {name}'}{_burst(view)}"
    top = view.senders[0]
    share = percent(view.share(top, "requests"))
    return f"{len(view.senders):,} teams sent {count}; {top.name} sent {share} of them{_burst(view)}"


def _burst(view: View) -> str:
    ratio = view.total.peak("1min")
    return "" if ratio is None or ratio < 1.05 else f", and the busiest minute was {digits(ratio)} times the mean"


def details(view: View) -> tuple[str, ...]:
    """Rates, refusals and spend."""
    return tuple(_details(view))


def _details(view: View) -> Iterator[str]:
    summary, total = view.summary, view.total
    yield f"Read as {summary['format']}: " + "; ".join(dict.fromkeys(file["why"] for file in summary["files"])) + "."
    tokens = total.data["tokens"]
    rate = per_time(total.data["per_minute"])
    text = f"On average {rate} requests, with {count_text(tokens['input'])} input tokens in all"
    if tokens["cache_read"]:
        text += f" ({percent(tokens['cache_read'] / tokens['input'])} of it from the provider’s cache)"
    yield f"{text} and {count_text(tokens['output'])} output tokens."
    if total.data["limited"]:
        count, share = count_text(total.data["limited"]), percent(total.data["limited"] / total.requests)
        worst = max(view.senders, key=lambda one: one.data["limited"])
        whose = f", most of them {worst.name}’s" if len(view.senders) > 1 else ""
        yield f"{count} requests ({share}) were answered with 429{whose}."
    yield from _spend(view)


def _spend(view: View) -> Iterator[str]:
    cost = view.total.data["cost"]
    if not cost["usd"]:
        return
    recorded, listed = (value_text(Stat(cost[key]), "usd") for key in ("recorded_usd", "list_usd"))
    parts = [f"{recorded} as recorded"] if cost["recorded_usd"] else []
    parts += [f"{listed} at list prices, where the log has no cost"] if cost["list_usd"] else []
    top = max(view.senders, key=lambda one: one.usd)
    whose = f"; {top.name} spent {percent(view.share(top, 'usd'))} of it" if len(view.senders) > 1 else ""
    yield f"Spend: {' and '.join(parts)}{whose}."
    bill = view.summary["bill"]
    if bill:
        billed = value_text(Stat(bill["usd"]), "usd")
        share = percent(bill["usd"] / cost["usd"])
        yield f"The bill says {billed}, {share} of that; it may cover other days and services."


def warnings(view: View) -> tuple[str, ...]:
    """What a reader has to mind before trusting the numbers."""
    return tuple(_warnings(view))


def _warnings(view: View) -> Iterator[str]:
    summary, quality = view.summary, view.summary["quality"]
    if summary["resolution_s"]:
        yield (
            f"Single requests are made up: the log has sums of up to {span_text(summary['resolution_s'])}. Nothing "
            "here that is finer than that, and nothing that is built on it, is measured."
        )
    elif summary["assumed_requests"] == summary["requests"] and "servegen" in summary["format"]:
        yield "The log has rates, not requests: every request here is drawn from them."
    elif summary["assumed_requests"]:
        yield f"{count_text(summary['assumed_requests'])} requests rest on assumed sizes or times; see the assumptions."
    if summary["rows_rejected"] > FEW * summary["rows_read"]:
        yield f"{percent(summary['rows_rejected'] / summary['rows_read'])} of the rows are left out; see below why."
    if view.senders[0].name == "(none)" and len(view.senders) == 1:
        yield (
            "The log does not say who sent what: map it with --teams or --team-by, or isolation can’t be judged "
            "from it."
        )
    if quality["unmapped_count"]:
        some = ", ".join(quality["unmapped"][:5])
        yield f"{quality['unmapped_count']:,} names are not in the mapping of teams, as {some}."
    cost = view.total.data["cost"]
    if cost["unpriced_requests"] and any(one["model"] != "(not said)" for one in summary["models"]):
        yield f"{count_text(cost['unpriced_requests'])} requests have no cost and no list price: spend leaves them out."
    if quality["unsized"] > FEW * summary["requests"]:
        yield f"{count_text(quality['unsized'])} requests that did not fail have no tokens."
