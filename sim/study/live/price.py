"""What a live run would send and cost, before anything is sent.

Expected is what the simulator gets on the very plan that would be sent, with the clients' retries.
The worst is every planned request answered once at its ``max_tokens``; retries of answers that were
cut come on top, which is what ``--max-spend`` is for.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.engine.tables import LOG
from sim.engine.world import interpreted
from sim.policy.pricing import bill
from sim.study.runs import Run, checked_run, settings_of
from sim.units import MICRO, SECOND

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.scenario.loader import Loaded
    from sim.scenario.plan import Plan


@dataclass(frozen=True)
class TeamPrice:
    """One team's part of a run: planned requests with their tokens, and what they would cost."""

    team: str
    key: str
    requests: int
    attempts: int
    """Expected."""
    input_tokens: int
    output_tokens: int
    expected_usd: float
    worst_usd: float


@dataclass(frozen=True)
class Price:
    """A whole run. ``duration_s`` is of wall time; the peak is attempts in the busiest second of it."""

    teams: tuple[TeamPrice, ...]
    duration_s: float
    peak_per_s: int
    dearest_usd: float
    """The most that one attempt can cost."""

    @property
    def requests(self) -> int:
        """Planned requests."""
        return sum(one.requests for one in self.teams)

    @property
    def attempts(self) -> int:
        """Expected attempts."""
        return sum(one.attempts for one in self.teams)

    @property
    def expected_usd(self) -> float:
        """Expected dollars."""
        return sum(one.expected_usd for one in self.teams)

    @property
    def worst_usd(self) -> float:
        """Dollars when every request is answered in full length."""
        return sum(one.worst_usd for one in self.teams)

    def json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "requests": self.requests, "expected_attempts": self.attempts, "duration_s": self.duration_s,
            "peak_per_s": self.peak_per_s, "expected_usd": round(self.expected_usd, 6),
            "worst_usd": round(self.worst_usd, 6), "dearest_attempt_usd": round(self.dearest_usd, 6),
            "teams": [
                {"team": one.team, "key": one.key, "requests": one.requests, "expected_attempts": one.attempts,
                 "input_tokens": one.input_tokens, "output_tokens": one.output_tokens,
                 "expected_usd": round(one.expected_usd, 6), "worst_usd": round(one.worst_usd, 6)}
                for one in self.teams
            ],
        }  # fmt: skip


def price(loaded: Loaded, configuration: str, speed: Fraction, replication: int = 0) -> Price:
    """Price a run of one configuration. Raises BadInput for an unknown one."""
    from sim.scenario.plan import build_plan

    setting = settings_of(loaded, (configuration,))[0]
    plan = build_plan(loaded.scenario, replication, loaded.traces)
    run = checked_run("compiled", setting, plan, replication)
    worst = _worst(run)
    at = run.result.log[:, LOG.index("at")] // int(SECOND * speed)
    ended = run.result.finish.max(initial=plan.duration_ns)
    return Price(
        tuple(_team(number, run, worst) for number in range(len(plan.teams)) if (plan.team == number).any()),
        float(Fraction(int(ended)) / speed) / SECOND,
        int(np.bincount(at).max()) if len(at) else 0,
        float(worst.max(initial=0)) / MICRO,
    )


def _worst(run: Run) -> NDArray[np.int64]:
    """Micro-dollars of each planned request when its answer is as long as it may be."""
    from sim.engine.world import build_world

    plan: Plan = run.plan
    rules = interpreted(build_world(run.setting, plan)).rules
    fresh = (plan.input_tokens - plan.cached_tokens).tolist()
    rows = zip(plan.model.tolist(), np.maximum(run.result.arrival, 0).tolist(), fresh, plan.cached_tokens.tolist(),
               np.maximum(plan.max_tokens, plan.output_tokens).tolist(), strict=True)  # fmt: skip
    return np.asarray([bill(rules, *row) for row in rows], np.int64)


def _team(number: int, run: Run, worst: NDArray[np.int64]) -> TeamPrice:
    plan, result = run.plan, run.result
    own = plan.team == number
    key = run.setting.keys[run.setting.team_key[number]]
    return TeamPrice(
        plan.teams[number], key, int(own.sum()), int(result.attempts[own].sum()), int(plan.input_tokens[own].sum()),
        int(plan.output_tokens[own].sum()), float(result.cost[own].sum()) / MICRO, float(worst[own].sum()) / MICRO,
    )  # fmt: skip
