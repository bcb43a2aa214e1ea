"""Bans, leaked keys and rotations, worked out by hand: who is hit, from when to when, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sim.engine.run import ENGINES
from tests.unit.fault_runs import COST, RUNGS, Body, Try, ladder, run, scenario, statuses, steady, team, tries

# Violations of a content policy


def violations(**more: object) -> Body:
    return {"policy_violations": {"at": "60s", "for": "60s", "probability": 1, "ban": "nothing", **more}}


def test_a_violating_request_violates_whenever_it_is_tried_and_costs_nothing() -> None:
    again = {"max_attempts": 3, "base": "1s", "multiplier": 1, "jitter": "none", "retry_on": ["400"]}
    found = tries({"a": team(*[70] * 300, retry=again)}, violations(probability="20%"))
    first = {one.request: one for one in found if one.attempt == 0}
    bad = {number for number, one in first.items() if one.status == 400}
    assert 30 <= len(bad) <= 90, "a fifth of 300, within four standard deviations"
    assert sum(one.status == 400 for one in found) == 3 * len(bad)
    assert {(one.status, one.by, one.cost) for one in found if one.request in bad} == {(400, "policy:other", 0)}
    assert {one.status for one in found if one.request not in bad} == {200}


def test_the_last_try_after_the_window_may_pass() -> None:
    again = {"max_attempts": 3, "base": "30s", "cap": "1m", "multiplier": 1, "jitter": "none", "retry_on": ["400"]}
    assert statuses(tries({"a": team(65, retry=again)}, violations())) == [400, 400, 200]


def test_a_violation_takes_nothing_from_a_limit() -> None:
    key = ladder("shared", limits={"requests": "1/min", "burst": 1})
    assert statuses(tries({"a": team(118, 119, 120, 121)}, violations(), key=key)) == [400, 400, 200, 429]


def test_categories_share_the_violations_and_the_rest_is_other() -> None:
    found = tries({"a": team(*[70] * 600)}, violations(categories={"security": "50%", "malware": "20%"}))
    counts = {name: sum(one.by == f"policy:{name}" for one in found) for name in ("security", "malware", "other")}
    assert sum(counts.values()) == 600, "one category each, and none without"
    assert 250 <= counts["security"] <= 350
    assert 80 <= counts["malware"] <= 160
    assert 135 <= counts["other"] <= 225


@pytest.mark.parametrize("rung", ["projects", "gateway", "accounts"])
def test_a_relaxed_project_may_send_what_it_is_allowed_to(rung: str) -> None:
    key = ladder(rung, content_policy={"a": {"allowed": ["security"]}})
    fault = violations(categories={"security": "50%"})
    found = tries({name: team(*[70] * 200) for name in "ab"}, fault, key=key)
    by = {name: {one.by for one in found if one.team == name} for name in "ab"}
    assert by == {"a": {"", "policy:other"}, "b": {"policy:security", "policy:other"}}
    assert 70 <= statuses(found, "a").count(400) <= 130


def test_the_ban_comes_with_the_violation_that_reaches_the_threshold() -> None:
    fault = violations(team="bad", threshold=3, within="30s", ban="key", recovery="40s", **{"for": "2m"})
    found = tries({"bad": team(60, 70, 80, 81, 119.999, 120, 121)}, fault)
    assert statuses(found, "bad") == [400, 400, 400, 403, 403, 400, 400]
    assert found[3].by == "ban:key"


def test_violations_count_from_the_first_of_them() -> None:
    # 60 and 89 are within 30 s; at 90 a new count begins: 90, 100 and 119 are three.
    fault = violations(threshold=3, within="30s", ban="key")
    assert statuses(tries({"a": team(60, 89, 90, 100, 119, 121)}, fault)) == [400, 400, 400, 400, 400, 403]
    assert statuses(tries({"a": team(60, 89, 90, 100, 121)}, fault)) == [400, 400, 400, 400, 200]


def test_violations_of_two_faults_add_up_to_one_ban() -> None:
    two = [violations(team="a", threshold=3, ban="account", **{"for": "3m"}),
           violations(team="b", threshold=3, ban="account", **{"for": "3m"})]  # fmt: skip
    found = tries({"a": team(61, 63, 64), "b": team(62, 64)}, *two)
    assert (statuses(found, "a"), statuses(found, "b")) == ([400, 400, 403], [400, 403])


def test_without_recovery_a_ban_is_for_good_and_outlives_the_fault() -> None:
    assert statuses(tries({"a": team(60, 61, 119, 121, 299)}, violations(ban="account"))) == [400, 403, 403, 403, 403]


BANNED = {
    "key": {"shared", "gateway"},
    "project": {"shared", "keys", "gateway"},
    "account": {"shared", "keys", "projects", "gateway"},
}
"""On which rungs a team suffers from a ban of the key, project or account of another."""


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("ban", BANNED)
def test_whom_a_ban_hits_on_each_rung(ban: str, rung: str) -> None:
    fault = violations(team="bad", ban=ban, recovery="30s")
    found = tries({"bad": team(60, 61), "good": team(59, 61, 89.999, 90)}, fault, key=ladder(rung))
    assert statuses(found, "bad") == [400, 403]
    hit = rung in BANNED[ban]
    assert statuses(found, "good") == ([200, 403, 403, 200] if hit else [200] * 4)
    provider_sees = "account" if rung == "gateway" else ban
    assert {one.by for one in found if one.status == 403} == {f"ban:{provider_sees}"}


def test_a_team_and_strangers_are_counted_alike() -> None:
    leak = {"leaked_key": {"team": "a", "at": "60s", "for": "60s", "rate": "1/s"}}
    found = tries({"a": team(119), "b": team(119)}, leak, violations(team="a", threshold=5, ban="key"),
                  key=ladder("keys"))  # fmt: skip
    assert statuses([one for one in found if one.origin == "foreign"]).count(400) == 5
    assert [one.status for one in found if one.origin == "workload"] == [403, 200]


# Leaked keys

ROLLOUT = {"default": "30s", "teams": {"quick": "5s"}}
TIMES = (59, 129.999, 130, 149.999, 150)


def leak(**more: object) -> Body:
    body = {"team": "leaky", "at": "60s", "for": "60s", "rate": "2/s", "grace": "10s", "rollout": ROLLOUT}
    return {"leaked_key": {**body, **more}}


@pytest.mark.parametrize("rung", RUNGS)
def test_whom_a_revocation_locks_out_on_each_rung(rung: str) -> None:
    # Detected at 120 s, revoked at 130 s; the new key reaches quick at 125 s and the others at 150 s.
    found = tries({name: team(*TIMES) for name in ("leaky", "quick", "slow")}, leak(), key=ladder(rung))
    own = [one for one in found if one.origin == "workload"]
    late = [200, 200, 401, 401, 200]
    assert statuses(own, "leaky") == late
    assert statuses(own, "quick") == [200] * 5, "it had the new key before the old one was revoked"
    assert statuses(own, "slow") == (late if rung == "shared" else [200] * 5)
    assert {(one.by, one.cost) for one in own if one.status == 401} == {("credential:revoked", 0)}


def test_strangers_spend_until_the_old_key_is_revoked() -> None:
    found = tries({"leaky": team(1)}, leak())
    foreign = [one for one in found if one.origin == "foreign"]
    assert min(one.at for one in foreign) >= 60 and max(one.at for one in foreign) < 130
    assert 100 <= len(foreign) <= 180, "70 s at 2 a second"
    assert {(one.team, one.status, one.cost) for one in foreign} == {("leaky", 200, COST)}


@pytest.mark.parametrize(("rung", "shares"), [("shared", True), ("keys", True), ("projects", False)])
def test_strangers_fill_the_limits_of_the_key(rung: str, shares: bool) -> None:
    limits = {"requests": "20/min", "burst": 2}
    found = tries({"leaky": team(100), "other": team(101)}, leak(rate="20/s"), key=ladder(rung, limits=limits))
    own = [one for one in found if one.origin == "workload"]
    assert (statuses(own, "leaky"), statuses(own, "other")) == ([429], [429] if shares else [200])


def test_a_spend_cap_holds_strangers_too() -> None:
    key = ladder("shared", spend_cap={"amount": "$0.02/hour", "mode": "reserve"})
    found = tries({"leaky": team(59, 129)}, leak(), key=key)
    assert 20_000 - COST < sum(one.cost for one in found) <= 20_000
    assert [one.status for one in found if one.origin == "workload"] == [200, 400]


def test_with_grace_enough_nobody_is_locked_out() -> None:
    found = tries({name: team(*TIMES) for name in ("leaky", "slow")}, leak(grace="30s"))
    assert {one.status for one in found} == {200}


# Rotation


def rotation(**more: object) -> Body:
    return {"key_rotation": {"at": "60s", "overlap": "10s", "rollout": "30s", "rollback": "20s", **more}}


def at_edges(edges: Sequence[int], *faults: Body, retry: object = "none", **more: Body) -> list[Try]:
    """What a team is answered 1 ms before each of the edges, and at it."""
    times = [time for edge in edges for time in (edge - 0.001, edge)]
    return tries({"a": team(*times, retry=retry)}, *faults, **more)


def test_a_rotation_with_overlap_enough_is_not_felt() -> None:
    assert set(statuses(at_edges((60, 70, 90, 110), rotation(overlap="90d")))) == {200}
    assert set(statuses(at_edges((60, 70, 90, 110), rotation(rollout="10s")))) == {200}


def test_a_late_team_is_locked_out_from_the_end_of_the_overlap_to_its_rollout() -> None:
    found = at_edges((60, 70, 90), rotation())
    assert statuses(found) == [200, 200, 200, 401, 401, 200]
    assert {(one.by, one.cost) for one in found if one.status == 401} == {("credential:rotated", 0)}


def test_each_team_has_a_rollout_of_its_own() -> None:
    rollout = {"default": "0s", "teams": {"b": "40s"}}
    found = tries({name: team(59, 75, 95, 101) for name in "ab"}, rotation(rollout=rollout))
    assert (statuses(found, "a"), statuses(found, "b")) == ([200] * 4, [200, 401, 401, 200])


def test_a_rotation_repeats() -> None:
    found = at_edges((60, 70, 90, 160, 170, 190), rotation(every="100s", times=2))
    assert statuses(found) == [200, 200, 200, 401, 401, 200] * 2


def test_a_botched_rotation_locks_out_from_the_rollout_to_the_rollback() -> None:
    found = at_edges((90, 110, 190, 210), rotation(overlap="90d", every="100s", times=2, botched=[2]))
    assert statuses(found) == [200, 200, 200, 200, 200, 401, 401, 200]


AGAIN = {"max_attempts": 2, "base": "0s", "jitter": "none", "retry_on": ["401"]}


def test_failover_hides_a_botched_rotation_from_clients_that_retry_401() -> None:
    botched = rotation(overlap="90d", botched=[1], failover=True)
    assert statuses(at_edges((90, 110), botched)) == [200, 401, 401, 200]
    found = at_edges((90, 110), botched, retry=AGAIN)
    assert [(one.attempt, one.status) for one in found] == [(0, 200), (0, 401), (1, 200), (0, 401), (1, 200), (0, 200)]


def test_failover_to_a_key_that_is_no_longer_valid_does_not_help() -> None:
    # The old key ends at 100 s, the new one works from 110 s on.
    botched = rotation(overlap="40s", botched=[1], failover=True)
    found = at_edges((90, 100, 110), botched, retry=AGAIN)
    assert statuses(found) == [200, 401, 200, 401, 200, 401, 401, 401, 401, 200]


def test_failover_does_not_help_a_team_that_is_only_late() -> None:
    # Until 90 s the team has the old key only, and that ended at 70 s.
    botched = rotation(botched=[1], failover=True)
    assert statuses(at_edges((70, 90), botched, retry=AGAIN)) == [200, 401, 401, 401, 401, 401, 401]


@pytest.mark.parametrize("rung", RUNGS)
def test_the_rotation_of_one_key_hits_those_who_use_it(rung: str) -> None:
    found = tries({"a": team(80), "b": team(80)}, rotation(team="a"), key=ladder(rung))
    assert (statuses(found, "a"), statuses(found, "b")) == ([401], [401] if rung == "shared" else [200])
    both = tries({"a": team(80), "b": team(80)}, rotation(), key=ladder(rung))
    assert {one.status for one in both} == {401}


def test_it_is_the_credential_that_is_bad_not_the_attempt_under_way() -> None:
    (one,) = tries({"a": team(69.5)}, rotation())
    assert (one.end, one.status) == (71.5, 200)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rung", RUNGS)
def test_every_engine_says_the_same_of_all_of_them_at_once(engine: str, rung: str) -> None:
    faults = [violations(probability="10%", threshold=4, within="20s", ban="key", recovery="15s"),
              violations(probability="5%", team="quick", categories={"security": 1}), leak(),
              rotation(every="70s", times=3, botched=[2, 3], failover=True)]  # fmt: skip
    teams = {"leaky": steady("1/s", "anthropic-sdk"), "quick": steady("2/s", AGAIN)}
    given = scenario(teams, *faults, key=ladder(rung, limits={"requests": "200/min"}))
    assert run(given, engine) == run(given)
