"""What a cost study is asked: how many months, which configurations, which budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sim.errors import BadInput
from sim.scenario.schema import Scenario
from sim.units import DAY, MICRO, MONTH, duration_text, money_rate

SHORTEST, LONGEST = 28 * DAY, 31 * DAY


@dataclass(frozen=True)
class Options:
    """A cost study's own settings.

    ``budget_usd`` is for a month, all teams together. ``tornado_months`` are run for each end of each
    assumption; 0 leaves the tornado out. ``configurations``: none means all, in the file's order.
    """

    months: int = 200
    tornado_months: int = 100
    configurations: tuple[str, ...] = ()
    budget_usd: float | None = None
    engine: str = "compiled"
    out: Path | None = None
    command: tuple[str, ...] = ()


def budget_of(text: str | None, scenario: Scenario) -> float | None:
    """Dollars a month from ``--budget``, else from the scenario's finance. Raises BadInput."""
    if text is None:
        given = scenario.finance.budget if scenario.finance is not None else None
    else:
        try:
            given = money_rate(text if "/" in text else f"{text}/month")
        except BadInput as error:
            raise BadInput("not a budget", place="--budget", value=repr(text), hint="as $15k/month") from error
    return None if given is None else given.micro_usd / MICRO * MONTH / given.period_ns


def chosen(names: Sequence[str], scenario: Scenario) -> tuple[str, ...]:
    """The configurations to run: those asked for, and those that the saving needs. Raises BadInput."""
    from sim.study.capacity.options import near

    for name in names:
        if name not in scenario.configurations:
            known: Mapping[str, object] = scenario.configurations
            raise BadInput("no such configuration", place="--configuration", value=repr(name), hint=near(name, known))
    return tuple(name for name in scenario.configurations if not names or name in names)


def check_month(scenario: Scenario) -> None:
    """A replication is a month. Raises BadInput for a scenario that is not about as long as one."""
    if not SHORTEST <= scenario.duration <= LONGEST:
        hint = "write duration: 30d, or --duration 30d; each replication is one month"
        found = duration_text(scenario.duration)
        raise BadInput("the scenario does not last a month", place="duration", value=found, hint=hint)
