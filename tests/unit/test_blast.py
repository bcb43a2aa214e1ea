"""Blast radius and load label."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sim.metrics.blast import blast_radius, minutes_lost, recovery_s, thresholds
from sim.metrics.compute import sums_of
from sim.metrics.context import Context
from sim.metrics.load import LABELS, backlog, classify, label, load
from sim.metrics.series import tables as taken
from sim.metrics.tables import Requests
from tests.unit.metric_tables import Ask, Try, context, good, refused, scenario, tables

STORM = [{"storm": {"status": 503, "at": "2m", "for": "1m"}}, {"storm": {"status": 429, "at": "3m", "for": "1m"}}]


def _made(teams: dict[str, int], **more: Any) -> Context:
    return context(scenario(teams, **more))


def _rows(asks: list[Ask], made: Context) -> Requests:
    return taken(*tables(asks), made, "shared")[0]


def _blast(asks: list[Ask], made: Context) -> dict[str, Any]:
    return _radius(_rows(asks, made), made)


def _radius(rows: Requests, made: Context) -> dict[str, Any]:
    return blast_radius(sums_of(rows, None, made), minutes_lost(rows, made), recovery_s(rows, made), made)


def test_thresholds_come_from_objectives() -> None:
    slos = [{"a": "latency_p95_s <= 3"}, {"a": "own_success_rate >= 90%"}, {"*": "success_rate >= 95%"}]
    assert thresholds(_made({"a": 1, "b": 1}, slos=slos)).tolist() == [0.9, 0.95]
    assert thresholds(_made({"a": 1}, slos=[{"a": "success_rate <= 5%"}])).tolist() == [0.99]


def test_teams_and_services_below() -> None:
    made = _made({"a": 9, "b": 4, "c": 2, "idle": 7}, slos=[{"c": "success_rate >= 50%"}])
    asks = [good("a", 70), refused("a", 80), refused("b", 70), good("c", 70), refused("c", 71)]
    found = _blast(asks, made)
    assert found["teams_below"]["mean"] == 2
    assert found["services_below"]["mean"] == 13
    assert found["teams"]["a"]["below_share"] == 1.0
    assert (found["teams"]["c"]["threshold"], found["teams"]["c"]["services"]) == (0.5, 2)
    assert found["teams"]["c"]["below_share"] == 0.0


def test_service_minutes_are_bad_calendar_minutes_times_services() -> None:
    made = _made({"a": 9, "b": 4}, replications=2)
    asks = [
        refused("a", 61), good("a", 62),  # minute 1 lost
        good("a", 121),  # minute 2 fine
        refused("a", 180), refused("a", 239.9),  # minute 3 lost, once
        refused("a", 59),  # warm-up
        refused("b", 300, replication=1),
        refused("b", 360, origin="runaway_job", replication=1),  # no victim
    ]  # fmt: skip
    assert minutes_lost(_rows(asks, made), made).tolist() == [[18, 0], [0, 4]]
    found = _blast(asks, made)
    assert found["service_minutes_lost"]["mean"] == 11
    assert found["teams"]["b"]["service_minutes_lost"]["mean"] == 2


def test_a_runaway_jobs_own_calls_are_no_victims() -> None:
    asks = [good("a", 70), *(refused("a", 70 + n, origin="runaway_job") for n in range(9))]
    assert _blast(asks, _made({"a": 3}))["teams_below"]["mean"] == 0


def _steady(team: str, bad: set[int], first: int = 1, **more: Any) -> list[Ask]:
    """Two requests in each minute until the end; in ``bad`` minutes one of them is refused."""
    asks = []
    for minute in range(first, 11):
        asks.append(good(team, 60 * minute + 10, **more))
        asks.append((refused if minute in bad else good)(team, 60 * minute + 40, **more))
    return asks


def test_recovery_is_counted_from_the_end_of_the_last_fault() -> None:
    made = _made({"a": 1, "b": 1}, chaos=STORM)  # ends at minute 4
    asks = [*_steady("a", {2, 3, 4, 5}), *_steady("b", {2})]
    # a: minutes 6, 7, 8 are the first three that hold; b is fine from minute 4 on
    assert recovery_s(_rows(asks, made), made).tolist() == [[120.0, 0.0]]
    found = _blast(asks, made)
    assert found["time_to_recover_s"]["mean"] == 120
    assert found["recovered_share"] == 1.0


def test_recovery_asks_for_no_more_than_there_was_before() -> None:
    made = _made({"a": 1}, chaos=STORM)
    asks = _steady("a", {1, 2, 3, *range(5, 11)})  # half before; afterwards 5 of 6 or less
    assert recovery_s(_rows(asks, made), made).tolist() == [[0.0]]


def test_a_team_that_never_recovers_is_told_as_a_share() -> None:
    made = _made({"a": 1}, chaos=STORM, replications=2)
    asks = [*_steady("a", set(range(2, 11))), *_steady("a", {2, 4}, replication=1)]
    rows = _rows(asks, made)
    assert recovery_s(rows, made).tolist() == [[np.inf], [60.0]]
    found = _radius(rows, made)
    assert found["recovered_share"] == 0.5
    assert found["time_to_recover_s"]["mean"] == 60


def test_no_requests_after_the_fault_means_nothing_to_recover() -> None:
    made = _made({"a": 1}, chaos=STORM)
    assert recovery_s(_rows([good("a", 70), refused("a", 130)], made), made).tolist() == [[0.0]]


@pytest.mark.parametrize("chaos", [[], [{"storm": {"at": "9m", "for": "5m"}}]])
def test_without_a_time_after_faults_there_is_no_recovery(chaos: list[Any]) -> None:
    found = _blast(_steady("a", {3}), _made({"a": 1}, chaos=chaos))
    assert np.isnan(found["time_to_recover_s"]["mean"])
    assert found["recovered_share"] is None


def test_backlog_counts_what_has_started_and_not_ended() -> None:
    made = _made({"a": 1, "b": 1})  # samples at 70 s, 80 s, …, 660 s
    asks = [good("a", 30, 60.0), good("a", 75, 10.0), Ask("b", 100, (Try(100, None, -1),), "unfinished"),
            Ask("b", None, outcome="not_started")]  # fmt: skip
    level = backlog(_rows(asks, made), made)
    assert level.shape == (60, 1, 3)
    assert level[:4, 0, 0].tolist() == [1, 2, 0, 0]  # at 70, 80, 90, 100 s
    assert level[2:6, 0, 1].tolist() == [0, 1, 1, 1]
    assert level[-1, 0].tolist() == [0, 1, 1]


def _label(asks: list[Ask], made: Context) -> dict[str, Any]:
    rows, attempts = taken(*tables(asks), made, "shared")
    assert attempts is not None
    return load(sums_of(rows, attempts, made), backlog(rows, made), made)


def _waits(team: str, at: float, wait: float, answer: float) -> Ask:
    tries = Try(at, at, 429, "account:shared:requests"), Try(at + wait, at + wait + answer)
    return Ask(team, at, tries, throttle=wait)


def test_load_labels() -> None:
    made = _made({"calm": 1, "waits": 1, "loses": 1, "grows": 1})
    asks = [
        *(good("calm", 60 + 6 * n, 5.0) for n in range(100)),
        *(_waits("waits", 60 + 6 * n, 5.0, 4.0) for n in range(100)),
        *((refused if n % 10 == 0 else good)("loses", 60 + 6 * n) for n in range(100)),
        *(good("grows", 60 + 6 * n, 1.0 + 2 * n) for n in range(100)),  # slower and slower: backlog up to 25
    ]
    found = _label(asks, made)
    labels = {team: entry["label"] for team, entry in found["teams"].items()}
    assert labels == {"calm": "stable", "waits": "backlogged", "loses": "overloaded", "grows": "overloaded"}
    assert found["total"]["shares"]["overloaded"] == 1.0
    assert found["teams"]["grows"]["peak_backlog"]["mean"] > 10


@pytest.mark.parametrize(
    ("loss", "grown", "offered", "waiting", "expected"),
    [
        (0.0, 0.0, 100.0, 0.1, "stable"),
        (0.01, 5.0, 100.0, 0.5, "stable"),
        (0.02, 0.0, 100.0, 0.1, "backlogged"),
        (0.0, 0.0, 100.0, 0.6, "backlogged"),
        (0.06, 0.0, 100.0, 0.0, "overloaded"),
        (0.0, 6.0, 100.0, 0.0, "overloaded"),
        (0.0, 6.0, 1000.0, 0.0, "stable"),
        (np.nan, 0.0, 0.0, np.nan, "stable"),
    ],
)
def test_load_rule(loss: float, grown: float, offered: float, waiting: float, expected: str) -> None:
    kind = classify(*(np.array([value]) for value in (loss, grown, offered, waiting)))
    assert LABELS[int(kind[0])] == expected


def test_the_most_frequent_label_wins_and_the_worse_on_a_tie() -> None:
    assert label(np.array([0, 0, 2])) == {
        "label": "stable", "shares": {"stable": 2 / 3, "backlogged": 0.0, "overloaded": 1 / 3},
    }  # fmt: skip
    assert label(np.array([0, 2, 1, 2, 0]))["label"] == "overloaded"
