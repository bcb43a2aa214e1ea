"""Recommended settings as other programs read them."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from sim.scenario.loader import load_text
from sim.scenario.schema import Scenario
from sim.scenario.topology import Topology, build_topology
from sim.study.tune.exports import anthropic, configuration_yaml, litellm, month_usd, safe, table_csv
from sim.study.tune.settings import Settings
from sim.study.tune.subjects import subjects_of, with_limits
from tests.unit.test_tune_settings import LIMITS, SPELLED, TEAMS
from tests.unit.tune_cases import Body, scenario, topology_of

SETS: list[Body] = [
    {"requests": "90/min", "burst": 7, "algorithm": "token_bucket", "charge_rejected": True},
    {"requests": "1000/day", "output_tokens": {"rate": "4k/min", "burst": 9000}, "count_cached_input": True},
    {"concurrency": 4, "models": ["m"]},
    {"requests": "30/min", "algorithm": "fixed_window", "window": "first_use"},
]
CAPPED: Body = {
    "accounts": {
        "main": {
            "limits": SETS,
            "spend_cap": {"amount": "$1000/month", "mode": "reserve"},
            "projects": {
                "x: y": {"teams": ["a"], "limits": SETS[0], "spend_cap": "$20/day", "models": ["m"]},
                "keys": {"keys": {"k": {"teams": ["b"], "limits": SETS[3]}}},
            },
        }
    },
    "client": {"retry": {"max_attempts": 4, "base": "1s", "jitter": "full"}, "timeout": "30s"},
}
WHOLE: Body = {"isolation": "accounts", "limits": LIMITS}


def read_back(text: str, given: Scenario) -> Topology:
    """The exported configuration as a scenario that it is pasted into has it."""
    configurations = yaml.safe_load(text)["configurations"]
    pasted = Scenario.model_validate({**given.model_dump(mode="json", by_alias=True), "configurations": configurations})
    return topology_of(pasted, "tuned")


@pytest.mark.parametrize(
    "configuration",
    [
        {"isolation": "projects", "limits": LIMITS, "split": "equal"},
        {"isolation": "gateway", "limits": SETS[:2], "project_spend_cap": "$5/day"},
        WHOLE,
        {**WHOLE, "limits": []},
        {"isolation": "keys", "limits": LIMITS},
        SPELLED,
        CAPPED,
    ],
)
def test_the_configuration_is_read_back_as_it_was(configuration: Body) -> None:
    given = scenario(TEAMS, configuration)
    topology = topology_of(given)
    limits = {one.path: one.base.limits(Settings.of({"rpm": 14, "burst": 9})) for one in subjects_of(topology)}
    tuned = replace(with_limits(topology, limits), name="tuned", isolation="custom")
    assert read_back(configuration_yaml(tuned, "tuned", ["one", "two"]), given) == tuned


def test_the_yaml_says_what_it_is_and_stays_readable() -> None:
    text = configuration_yaml(topology_of(scenario(TEAMS, SPELLED)), "tuned", ["made by a test", "paste it"])
    assert text.splitlines()[:3] == ["# made by a test", "# paste it", "configurations:"]
    assert "limits: {requests: 30/min, burst: 10}" in text
    assert max(map(len, text.splitlines())) < 120


# Programs


def project(**changes: Any) -> dict[str, Any]:
    """One project of a summary, as far as exports read it."""
    cost = {"cost_usd": {"mean": 2.0, "ci95": [1.5, 2.5]}}
    success = {"success_rate": {"mean": 0.99, "ci95": [0.98, 1.01]}, "own_success_rate": {"mean": 0.5, "ci95": [0, 1]}}
    asked = {"team": "a", "metric": "success_rate", "text": "a: success_rate >= 98%", "source": "scenario"}
    return {
        "teams": ["a"], "current": {"rpm": 60.0, "burst": 60.0}, "needed": {"rpm": 20, "burst": 8},
        "recommended": {"rpm": 20, "burst": 8}, "shortfall": 0.0, "measured_s": 3600.0, "teams_alone": {"a": cost},
        "traffic": {"most_at_once": 4.0, "most_tokens": 12_345.0, "most_input_tokens": 9e3,
                    "most_output_tokens": 3_345.0},
        "exports": {"window_rpm": 25, "provider_burst_rpm": {"minute": 19, "second": 41}},
        "together": {"today": {"a": success}, "recommended": {"a": success}},
        "objectives": [asked | {"metric": "own_success_rate", "source": "default"}, asked],
        "needed_ci95": {"rpm": {"low": 18, "high": 20}, "burst": {"low": None, "high": None}},
        **changes,
    }  # fmt: skip


def summary(**changes: Any) -> dict[str, Any]:
    return {"scenario": {"name": "s"}, "dimensions": ["rpm", "burst"], "projects": {"p": project(**changes)}}


def key(cap: Any = None, **changes: Any) -> dict[str, Any]:
    (found,) = litellm(summary(**changes), {"p": cap}, {"p": ["m"]})["keys"]
    return dict(found)


def test_a_litellm_key_has_the_window_that_meets_the_objectives() -> None:
    found = key()
    assert (found["key_alias"], found["models"]) == ("p", ["m"])
    assert found["rpm_limit"] == 25
    assert found["max_parallel_requests"] == 4
    assert found["tpm_limit"] == 12_400, "the busiest minute, rounded up: it refuses nothing"
    assert found["max_budget"] == 2250, "1.25 × the upper end, $2.50 an hour, of 720 hours"
    assert found["budget_duration"] == "30d"


def test_a_litellm_key_of_a_project_that_falls_short_has_its_share() -> None:
    assert key(shortfall=0.4, recommended={"rpm": 12, "burst": 8})["rpm_limit"] == 12


def test_tuned_limits_and_caps_of_the_scenario_come_first() -> None:
    project_node = topology_of(scenario(TEAMS, CAPPED)).accounts[0].children[0]
    (cap,) = project_node.spend_caps
    found = key(
        cap,
        recommended={"rpm": 20, "burst": 8, "input_tokens": 500, "output_tokens": 70, "concurrency": 3},
    )
    assert (found["max_budget"], found["budget_duration"]) == (20.0, "1d")
    assert (found["tpm_limit"], found["max_parallel_requests"]) == (570, 3)
    assert key(recommended={"tokens": 900})["tpm_limit"] == 900


def test_a_project_for_which_nothing_was_found_has_no_key() -> None:
    assert litellm(summary(recommended=None), {"p": None}, {})["keys"] == []
    assert anthropic(summary(recommended=None), {})["workspaces"] == []


def test_a_workspace_asks_for_a_rate_that_does_with_the_providers_own_burst() -> None:
    (found,) = anthropic(summary(), {"p": ["m"]})["workspaces"]
    assert found["workspace"] == "p"
    assert found["body"]["limits"] == [
        {"type": "requests_per_minute", "value": 19},
        {"type": "input_tokens_per_minute_cache_aware", "value": 9000},
        {"type": "output_tokens_per_minute", "value": 3350},
    ]
    assert found["if_enforced_per_second"] == {"requests_per_minute": 41}


def test_a_month_is_the_measured_cost_scaled() -> None:
    assert month_usd(project()) == {"mean": 1440.0, "high": 1800.0}


def test_the_table_has_a_row_a_project_and_no_formulas() -> None:
    rows = list(csv.DictReader(io.StringIO(table_csv({**summary(), "projects": {"=1+1": project()}}))))
    assert rows[0]["project"] == "'=1+1"
    assert (rows[0]["current_rpm"], rows[0]["needed_burst"], rows[0]["recommended_rpm"]) == ("60", "8", "20")
    assert (rows[0]["needed_rpm_low"], rows[0]["needed_rpm_high"], rows[0]["needed_burst_low"]) == ("18", "20", "")
    assert rows[0]["objective"] == "a: success_rate >= 98%", "what the scenario asks for, not what is assumed"
    assert [rows[0][f"success_{name}"] for name in ("current", "recommended", "low", "high")] == [
        "0.99", "0.99", "0.98", "1",
    ]  # fmt: skip
    assert safe("plain") == "plain"


def test_the_whole_text_of_a_scenario_takes_the_export() -> None:
    """Pasted under ``configurations`` of the file itself, not of a model of it."""
    given = scenario(TEAMS, SPELLED)
    text = yaml.safe_dump(given.model_dump(mode="json", by_alias=True, exclude_none=True), sort_keys=False)
    exported = yaml.safe_load(configuration_yaml(topology_of(given), "tuned", []))
    data = yaml.safe_load(text)
    data["configurations"] |= exported["configurations"]
    loaded = load_text(yaml.safe_dump(data), Path("small.yaml"))
    assert list(loaded.scenario.configurations) == ["c", "tuned"]
    again = build_topology("c", loaded.scenario.configurations["tuned"], {})
    assert again == topology_of(given)
