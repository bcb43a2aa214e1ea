"""A scenario's keys and limits as LiteLLM can have them, and the same scenario for the simulator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sim.errors import BadInput
from sim.scenario.loader import Loaded, load_text
from sim.scenario.plan import expected_by_team
from sim.scenario.topology import build_topology
from sim.study.gateway.keys import Arrangement, arranged
from sim.study.gateway.scenario import UPSTREAM, silent, staged
from sim.study.runs import settings_of
from sim.units import SECOND
from tests.live.test_live_command import SCENARIO

LIMITS: dict[str, Any] = {"requests": {"rate": "60/min", "burst": 5}, "concurrency": 7}


def scenario(**configuration: Any) -> Loaded:
    found = load_text(SCENARIO, Path("desk.yaml")).scenario.model_dump(mode="json", by_alias=True, exclude_none=True)
    return load_text(json.dumps({**found, "configurations": {"one": configuration}}), Path("desk.yaml"))


def arrangement(**configuration: Any) -> Arrangement:
    loaded = scenario(**configuration)
    one = loaded.scenario.configurations["one"]
    return arranged(build_topology("one", one, expected_by_team(loaded.scenario, {})), 10, "SECRET")


def limits(found: Arrangement) -> dict[str, dict[str, float]]:
    return {key.alias: dict(key.limits) for key in found.keys.values()}


def test_a_shared_key_has_the_limits_of_its_account() -> None:
    found = arrangement(isolation="shared", limits=LIMITS)
    assert limits(found) == {"one-shared": {"rpm_limit": 10, "max_parallel_requests": 7}}
    assert any("60/min requests become 10 in windows of 10 s" in note for note in found.notes)


def test_split_limits_are_each_key_s_own_and_their_sum_is_left_out() -> None:
    found = arrangement(isolation="projects", split={"shop": "75%", "batch": "25%"}, limits={"requests": "120/min"})
    assert limits(found) == {"one-shared-batch": {"rpm_limit": 5}, "one-shared-shop": {"rpm_limit": 15}}
    assert any("the sum of those of its parts" in note for note in found.notes)


def test_what_several_keys_share_is_their_team_s() -> None:
    found = arrangement(isolation="keys", limits={"requests": "60/min", "tokens": "6k/min"}, spend_cap="$2/month")
    assert set(limits(found)) == {"one-shared-batch", "one-shared-shop"}
    expected = {"team_rpm_limit": 10, "team_tpm_limit": 1000, "team_max_budget": 2.0}
    assert all(one == expected for one in limits(found).values())
    assert len({key.team for key in found.keys.values()}) == 1
    assert len({key.variable for key in found.keys.values()}) == 2


def test_the_tightest_of_several_limits_is_taken() -> None:
    found = arrangement(isolation="shared", limits=[{"requests": "60/min"}, {"requests": "1200/h"}], spend_cap="$3/day")
    assert limits(found) == {"one-shared": {"rpm_limit": 3, "max_budget": 3.0}}


def test_limits_that_a_key_does_not_have_are_left_out_and_told() -> None:
    found = arrangement(isolation="shared", limits={"input_tokens": "1M/min", "requests": "60/min"})
    assert limits(found) == {"one-shared": {"rpm_limit": 10}}
    assert any("no limit of input tokens" in note for note in found.notes)


def test_a_limit_of_less_than_one_in_a_window_is_one() -> None:
    assert limits(arrangement(isolation="shared", limits={"requests": "1/h"})) == {"one-shared": {"rpm_limit": 1}}


SPELLED = {
    "gateway": {
        "projects": {name: {"teams": [name], "limits": {"concurrency": 3}} for name in ("shop", "batch")},
        "limits": {"requests": "60/min"},
    }
}


@pytest.mark.parametrize(
    ("configuration", "says"),
    [
        ({"accounts": SPELLED}, "no limit over several teams"),
        ({"isolation": "keys", "limits": {"concurrency": 3}}, "a team of LiteLLM has no limit of concurrency"),
        ({"isolation": "shared", "limits": {"requests": "9/min", "models": ["fast"]}}, "limits of single models"),
        ({"isolation": "shared", "spend_cap": {"amount": "$1/day", "models": ["fast"]}}, "caps of single models"),
    ],
)
def test_what_litellm_has_not_is_refused(configuration: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        arrangement(**configuration)


def test_the_staged_scenario_has_the_same_keys_and_windows_and_a_free_upstream(tmp_path: Path) -> None:
    loaded = load_text(SCENARIO, Path("desk.yaml"))
    found = staged(loaded, ("shared", "projects"), 20 * SECOND, 10, 9.0, tmp_path / "s.yaml")
    assert list(found.loaded.scenario.configurations) == ["shared", "projects", UPSTREAM]
    for setting in settings_of(found.loaded, ("shared", "projects")):
        assert set(setting.keys) == set(found.arrangements[setting.name].keys)
        for at, key in enumerate(setting.keys):
            rows = [setting.rules.limits[row] for row in setting.rows.limits_of_key[at]]
            assert [(rule.cap, rule.window) for rule in rows] == [
                (found.arrangements[setting.name].keys[key].limits["rpm_limit"], 10 * SECOND)
            ]
    (upstream,) = settings_of(found.loaded, (UPSTREAM,))
    assert upstream.rows.limits_of_key == ((),) or not any(upstream.rows.limits_of_key)
    assert not any("storm" in entry.kind for entry in found.loaded.scenario.chaos), "it happens inside a provider"
    assert any(entry.kind == "runaway_job" for entry in found.loaded.scenario.chaos), "it is traffic"
    assert any("Not done at a real target" in note for note in found.notes)
    again = load_text(found.text, tmp_path / "s.yaml")
    assert again.scenario == found.loaded.scenario


def test_silent_clients_wait_as_they_please_and_nothing_else_changes() -> None:
    loaded = load_text(SCENARIO, Path("desk.yaml"))
    quiet = silent(loaded).scenario
    assert all(not team.client.retry.obey_retry_after for team in quiet.teams.values())  # type: ignore[union-attr]
    assert quiet.teams["batch"].client.retry.max_attempts == 1  # type: ignore[union-attr]
    assert quiet.configurations == loaded.scenario.configurations
