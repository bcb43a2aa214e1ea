"""Verdicts on objectives."""

from __future__ import annotations

from typing import Any

import pytest

from sim.errors import BadInput
from sim.metrics.slo import verdicts
from sim.metrics.summary import all_values
from tests.unit.metric_tables import Ask, context, good, refused, scenario, tables


def _verdicts(asks: list[Ask], *slos: dict[str, str], replications: int = 1, **more: Any) -> list[dict[str, Any]]:
    made = context(scenario({"a": 1, "b": 1}, slos=list(slos), replications=replications, **more))
    return verdicts(made, all_values(*tables(asks), made))


HALF = [good("a", 70), refused("a", 80), good("b", 70)]


def test_a_verdict_says_everything() -> None:
    (found,) = _verdicts(HALF, {"a": "success_rate >= 99.5%"})
    value = found.pop("value")
    assert value["mean"] == 0.5
    assert found == {
        "configuration": "shared", "team": "a", "metric": "success_rate", "op": ">=", "bound": 0.995,
        "text": "a: success_rate >= 99.5%", "met": False, "met_share": 0.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("objective", "met"),
    [("success_rate >= 50%", True), ("success_rate > 50%", False), ("success_rate <= 0.5", True),
     ("success_rate < 0.5", False), ("gave_up <= 0", False), ("latency_p95_s <= 1", True)],
)  # fmt: skip
def test_operators(objective: str, met: bool) -> None:
    (found,) = _verdicts(HALF, {"a": objective})
    assert found["met"] is met
    assert found["met_share"] == float(met)


def test_star_is_each_team_and_total_all_together() -> None:
    found = _verdicts(HALF, {"*": "success_rate >= 90%"}, {"total": "jain_index >= 0.9"})
    assert [(one["team"], one["met"]) for one in found] == [("a", False), ("b", True), ("total", True)]
    assert found[2]["text"] == "total: jain_index >= 0.9"


def test_every_configuration_is_judged() -> None:
    asks = [*HALF, good("a", 70, configuration="projects")]
    made = context(scenario({"a": 1, "b": 1}, ("shared", "projects"), slos=[{"a": "success_rate >= 90%"}]))
    found = verdicts(made, all_values(*tables(asks), made))
    assert [(one["configuration"], one["met"]) for one in found] == [("shared", False), ("projects", True)]


def test_the_mean_decides_and_the_share_of_replications_is_told() -> None:
    asks = [good("a", 70), good("a", 70, replication=1), good("a", 70, replication=2), refused("a", 70, replication=2)]
    (found,) = _verdicts(asks, {"a": "success_rate >= 80%"}, replications=3)
    assert found["met"] is True
    assert found["met_share"] == pytest.approx(2 / 3)
    assert found["value"]["mean"] == pytest.approx(2.5 / 3)


def test_no_success_has_no_latency_and_misses() -> None:
    asks = [good("a", 70, 1.0), refused("a", 70, replication=1)]
    (found,) = _verdicts(asks, {"a": "latency_p95_s <= 20"}, replications=2)
    assert found["value"]["mean"] == 1.0  # of the one replication that has one
    assert found["met"] is False
    assert found["met_share"] == 0.5


def test_a_replication_without_requests_says_nothing() -> None:
    (found,) = _verdicts([good("a", 70), good("b", 70, replication=1)], {"a": "success_rate >= 1"}, replications=2)
    assert (found["met"], found["met_share"]) == (True, 1.0)


def test_a_team_that_never_sends_cannot_meet() -> None:
    (found,) = _verdicts([good("a", 70)], {"b": "success_rate >= 1%"})
    assert found["met"] is False


def test_a_team_called_total_wins_over_the_word() -> None:
    made = context(scenario({"total": 1, "b": 1}, slos=[{"total": "offered >= 2"}]))
    (found,) = verdicts(made, all_values(*tables([good("total", 70), good("b", 70)]), made))
    assert found["value"]["mean"] == 1.0


def test_unknown_metrics_and_teams_get_a_hint() -> None:
    with pytest.raises(BadInput, match="did you mean success_rate"):
        _verdicts(HALF, {"a": "sucess_rate >= 1"})
    with pytest.raises(BadInput, match="one of a, b"):
        _verdicts(HALF, {"nobody": "success_rate >= 1"})
