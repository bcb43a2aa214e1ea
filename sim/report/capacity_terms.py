"""How a capacity report says single things: a share, a rate of growth, a cap, an objective, a tier."""

from __future__ import annotations

from sim.report.capacity_view import Json
from sim.report.cautions import capital, joined
from sim.report.numbers import MISSING, NB, Stat, with_interval

SMALL = 0.0005
"""Shares below this are said to be none."""


def percent(value: float) -> str:
    """``78 %``, ``0.4 %``, ``none``."""
    if value < SMALL:
        return "none"
    return f"{100 * value:.0f}{NB}%" if value >= 0.1 else f"{100 * value:.1f}{NB}%"


def growth_text(growth: Json) -> str:
    """``10 % a month``, or what differs by team."""
    text = rate_text(growth["overall"])
    own = [f"{team} {rate_text(rate)}" for team, rate in growth["teams"].items()]
    return text + (f" ({joined(own)})" if own else "")


def rate_text(rate: float) -> str:
    """``10 % a month``."""
    sign = "\u2212" if rate < 0 else ""
    return f"{sign}{100 * abs(rate):g}{NB}% a month"


def money_rate(text: str) -> str:
    """``$1000/month`` → ``$1,000 a month``."""
    amount, _, period = text.removeprefix("$").partition("/")
    value = float(amount)
    return f"${value:,.0f} a {period}" if value == round(value) else f"${value:,.2f} a {period}"


def tier_name(tier: str | None, provider: str) -> str:
    """``anthropic/build`` → ``Anthropic’s Build tier``."""
    if tier is None:
        return f"limits beyond {capital(provider)}’s largest tier"
    return f"{capital(provider)}’s {capital(tier.partition('/')[2])} tier"


def short_tier(tier: str | None) -> str:
    """``Build``, or ``beyond the largest``."""
    return "beyond the largest" if tier is None else capital(tier.partition("/")[2])


def reason_text(reason: Json) -> str:
    """``it spends more than $500 a month``, ``sonnet-4 asks for more than 1,000 requests/min``."""
    if reason["dimension"] == "spend":
        return f"it spends more than ${reason['allowed']:,.0f} a month"
    unit = reason["dimension"].replace("_", " ")
    return f"{reason['class']} asks for more than {reason['allowed']:,.0f} {unit}/min in busy minutes"


def dollars(value: Stat) -> str:
    """Dollars with half their interval; cents where they matter."""
    return with_interval(value, "usd") if value.known else MISSING
