"""Incidents: refusals by cause, who is reached, what strangers spend; against sums over the tables by hand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sim.report.incident_words import opening
from sim.scenario.loader import load_text
from sim.study.compare import Options, Study, compare
from sim.study.progress import Silent

pytestmark = pytest.mark.usefixtures("simpy_aside")

HEAD = """\
name: incident
duration: 1h
drain: 5m
replications: 3
seed: 4
teams:
  a: &team
    services: 3
    workload: [{arrivals: {poisson: {rate: 20/min}}, model: claude-haiku-4-5, input_tokens: 500, output_tokens: 50}]
    client: {retry: none, timeout: 60s}
  b: {<<: *team, services: 4}
configurations:
  shared: {isolation: shared, limits: {requests: 600/min}}
  keys: {isolation: keys, limits: {requests: 600/min}}
  accounts: {isolation: accounts, limits: {requests: 600/min}, split: equal}
chaos:
"""
BAN = "  - policy_violations: {team: a, at: 10m, for: 10m, probability: 10%, threshold: 3, recovery: 20m}\n"
LEAK = "  - leaked_key: {team: a, at: 10m, for: 20m, rate: 60/min, rollout: {default: 5m, teams: {b: 15m}}}\n"
ROTATION = "  - key_rotation: {at: 10m, rollout: 1m, botched: [1], rollback: 9m}\n"
PRICE = "  - price_change: {at: 30m, model: claude-haiku-4-5, factor: 2}\n"
STORM = "  - storm: {status: 503, at: 10m, for: 10m, probability: 50%}\n"


def study(chaos: str) -> Study:
    loaded = load_text(HEAD + chaos, Path("incident.yaml"))
    return compare(loaded, Options(engine="plain", counterfactual=False), Silent())


@pytest.fixture(scope="module")
def banned() -> Study:
    return study(BAN)


@pytest.fixture(scope="module")
def leaked() -> Study:
    return study(LEAK)


def cause(found: Study, configuration: str, name: str) -> dict[str, Any]:
    entry: dict[str, Any] = found.summary["configurations"][configuration]["incidents"]["causes"][name]
    return entry


def refused(found: Study, configuration: str, name: str) -> pd.DataFrame:
    assert found.attempts is not None
    rows = found.attempts[found.attempts["configuration"] == configuration]
    return rows[rows["refused_by"].astype(str).str.startswith(name + ":")]


@pytest.mark.parametrize("configuration", ["shared", "keys", "accounts"])
@pytest.mark.parametrize("name", ["ban", "policy"])
def test_attempts_and_losses_are_those_of_the_table(banned: Study, configuration: str, name: str) -> None:
    entry, rows = cause(banned, configuration, name), refused(banned, configuration, name)
    assert entry["attempts"]["mean"] == pytest.approx(len(rows) / 3)
    assert entry["lost"]["mean"] == pytest.approx(len(rows) / 3), "without retries each refusal is a loss"
    for team in ("a", "b"):
        assert entry["teams"][team]["attempts"]["mean"] == pytest.approx((rows["team"] == team).sum() / 3)


def test_a_ban_of_the_account_reaches_everybody_on_it(banned: Study) -> None:
    for configuration, teams, services in (("shared", 2, 7), ("keys", 2, 7), ("accounts", 1, 3)):
        entry = cause(banned, configuration, "ban")
        assert (entry["teams_hit"]["mean"], entry["services_hit"]["mean"]) == (teams, services)
        assert entry["teams"]["b"]["reached_share"] == (1.0 if teams == 2 else 0.0)


def test_an_outage_lasts_as_long_as_the_ban(banned: Study) -> None:
    outage = cause(banned, "shared", "ban")["outage_min"]["mean"]
    assert 19 < outage < 20, "20 minutes, less the gaps at both ends"


def test_an_outage_leaves_out_what_was_answered_in_between() -> None:
    twice = BAN.replace("for: 10m", "for: 40m").replace("recovery: 20m", "recovery: 5m")
    found = study(twice)
    entry, rows = cause(found, "shared", "ban"), refused(found, "shared", "ban")
    whole = (rows["at_ns"].max() - rows["at_ns"].min()) / 60e9
    assert 9 < entry["outage_min"]["mean"] < whole - 1


def test_what_strangers_spend_is_in_the_table(leaked: Study) -> None:
    assert leaked.requests is not None
    rows = leaked.requests[(leaked.requests["configuration"] == "shared") & (leaked.requests["origin"] == "foreign")]
    foreign = leaked.summary["configurations"]["shared"]["incidents"]["foreign"]
    assert foreign["requests"]["mean"] == pytest.approx(len(rows) / 3)
    assert foreign["cost_usd"]["mean"] == pytest.approx(rows["cost_microusd"].sum() / 3e6)
    assert len(rows) > 3000


def test_unit_costs_are_before_and_after_the_change() -> None:
    costs = study(PRICE).summary["configurations"]["shared"]["incidents"]["unit_cost_usd"]
    before = (500 * 1 + 50 * 5) / 1e6
    assert costs["before"]["mean"] == pytest.approx(before)
    assert costs["after"]["mean"] == pytest.approx(2 * before)
    assert costs["teams"]["b"]["change_share"]["mean"] == pytest.approx(1)


def test_a_study_without_faults_has_no_incidents() -> None:
    quiet = study("  []\n").summary["configurations"]["shared"]["incidents"]
    assert quiet == {"causes": {}}


@pytest.mark.parametrize(
    ("chaos", "said"),
    [
        (BAN, r"On the shared key and with a key for each team the ban stops 7 of 7 services \(2 teams\) for 20.min; "
              r"with separate accounts the ban stops 3 of 7 services \(1 team\) for 20.min\."),
        (LEAK, r"On the shared key strangers spend \$0\.\d+ .*stops 7 of 7 services \(2 teams\) for 1\d.min; "
               r"with a key for each team and with .*stops 3 of 7 services \(1 team\) for [45].min\."),
        (ROTATION, r"On the shared key, .* lose \d+ requests and stop 7 of 7 services \(2 teams\) for 9.min\."),
        (PRICE, r"After the change of prices a pays 100.% more and b pays 100.% more for a request\."),
        (STORM, r"On the shared key (a|b) loses .* attempts each; with a key .* that is the same\."),
    ],
)  # fmt: skip
def test_the_opening_answers_what_the_fault_did(chaos: str, said: str) -> None:
    words = opening(study(chaos).summary, blamed=False)
    assert words is not None
    assert re.fullmatch(said, words.replace("\u00a0", " ")), words


def test_a_storm_does_not_hide_a_culprit() -> None:
    summary = study(STORM).summary
    assert opening(summary, blamed=True) is None


def test_two_kinds_of_faults_have_the_most_hurt_team_as_their_answer() -> None:
    assert opening(study(STORM + PRICE).summary, blamed=False) is None


def test_arrangements_that_differ_in_clients_only_open_with_the_best_and_the_worst() -> None:
    kept = HEAD[: HEAD.index("configurations:")]
    sides = "".join(
        f"  {name}: {{isolation: shared, limits: {{requests: 600/min}}, client: {{retry: {retry}}}}}\n"
        for name, retry in (("never", "none"), ("sdk", "anthropic-sdk"), ("long", "{max_attempts: 30, cap: 20s}"))
    )
    text = f"{kept}configurations:\n{sides}chaos:\n{STORM}"
    loaded = load_text(text, Path("policies.yaml"))
    summary = compare(loaded, Options(engine="plain", counterfactual=False), Silent()).summary
    said = (opening(summary, blamed=True) or "").replace("\u00a0", " ")
    assert re.fullmatch(r"With “long” most is done: (99\.\d+|100) % .*; with “never” least: 9\d\.\d % .*\.", said), said
    two = dict(list(summary["configurations"].items())[:2])
    assert opening({**summary, "configurations": two}, blamed=True) is None


def test_overload_that_stays_is_told_by_its_share_of_runs() -> None:
    summary = study(STORM).summary
    for name, share in (("shared", 0.25), ("keys", 1.0), ("accounts", 0.0)):
        summary["configurations"][name]["blast_radius"]["recovered_share"] = share
    summary["chaos"][0]["kind"] = "brown_out"
    assert (opening(summary, blamed=True) or "").replace("\u00a0", " ") == (
        "After the last fault is over, overload stays: in 75.0 % of runs on the shared key; "
        "in no run with a key for each team; in every run with separate accounts."
    )
