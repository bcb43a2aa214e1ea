"""Numbers of reports on incidents, added up again from the audit log alone: no engine, no metrics, only its CSV.

``budget-overshoot`` is re-derived in test_audit.py; here are a ban, a leak and a change of prices.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from sim.scenario.loader import load
from sim.study.compare import Options, Study, compare
from sim.study.progress import Silent

pytestmark = pytest.mark.usefixtures("simpy_aside")

RUNS = 1
Row = dict[str, str]


def audited(name: str, folder: Path, configurations: tuple[str, ...]) -> tuple[Study, list[Row]]:
    loaded = load(name, overrides={"replications": RUNS, "warmup": 0})
    options = Options(configurations=configurations, counterfactual=False, audit=True, out=folder)
    study = compare(loaded, options, Silent())
    with (folder / "audit.csv").open(newline="", encoding="utf-8") as file:
        return study, list(csv.DictReader(file))


def of(log: list[Row], configuration: str, **wanted: str) -> list[Row]:
    return [
        row for row in log
        if row["configuration"] == configuration and all(row[key] == value for key, value in wanted.items())
    ]  # fmt: skip


def said(study: Study, configuration: str, *path: str) -> Any:
    found: Any = study.summary["configurations"][configuration]
    for key in path:
        found = found[key]
    return found["mean"]


def cost(rows: list[Row]) -> float:
    return sum(int(row["cost_microusd"]) for row in rows) / 1e6 / RUNS


def hit(rows: list[Row]) -> dict[str, set[str]]:
    """The teams that met these refusals and had no answer to the same request, by replication."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        found[row["replication"]].add(row["team"])
    return found


@pytest.fixture(scope="module")
def ban(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, list[Row]]:
    return audited("key-ban", tmp_path_factory.mktemp("ban"), ("shared", "accounts"))


@pytest.fixture(scope="module")
def leak(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, list[Row]]:
    return audited("key-leak", tmp_path_factory.mktemp("leak"), ("shared", "projects"))


@pytest.fixture(scope="module")
def price(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, list[Row]]:
    return audited("price-change", tmp_path_factory.mktemp("price"), ("uncapped", "capped"))


@pytest.mark.parametrize("configuration", ["shared", "accounts"])
def test_whom_the_ban_stops(ban: tuple[Study, list[Row]], configuration: str) -> None:
    study, log = ban
    rows = [row for row in of(log, configuration) if row["refused_by"].startswith("ban:")]
    services = {"checkout": 20, "support": 12, "search": 9, "reporting": 5, "security-research": 1}
    teams = hit(rows)
    assert len(teams) == RUNS
    entry = ("incidents", "causes", "ban")
    assert said(study, configuration, *entry, "attempts") == pytest.approx(len(rows) / RUNS)
    reached = [sum(services[team] for team in one) for one in teams.values()]
    assert said(study, configuration, *entry, "services_hit") == pytest.approx(sum(reached) / RUNS)
    assert reached == [47 if configuration == "shared" else 1] * RUNS


def test_the_ban_follows_the_fifth_violation_and_lasts_two_hours(ban: tuple[Study, list[Row]]) -> None:
    _, log = ban
    for run in range(RUNS):
        rows = of(log, "shared", replication=str(run))
        violations = sorted(row["timestamp"] for row in rows if row["refused_by"].startswith("policy:"))
        banned = sorted(row["timestamp"] for row in rows if row["refused_by"].startswith("ban:"))
        assert violations[4] < banned[0]
        inside = [row for row in rows if banned[0] <= row["timestamp"] <= banned[-1]]
        assert {row["outcome"] for row in inside} == {"rejected"}, "nobody is answered while the account is banned"


@pytest.mark.parametrize("configuration", ["shared", "projects"])
def test_what_strangers_spend(leak: tuple[Study, list[Row]], configuration: str) -> None:
    study, log = leak
    foreign = of(log, configuration, user_agent="foreign")
    assert said(study, configuration, "incidents", "foreign", "cost_usd") == pytest.approx(cost(foreign))
    assert cost(foreign) > 100
    # Every answer is 2,000 tokens in and out of claude-opus-4-5: $5 and $25 a million.
    answered = [row for row in foreign if row["outcome"] == "succeeded"]
    assert {int(row["cost_microusd"]) for row in answered} == {2000 * 5 + 2000 * 25}


@pytest.mark.parametrize("configuration", ["shared", "projects"])
def test_whom_the_revocation_stops(leak: tuple[Study, list[Row]], configuration: str) -> None:
    study, log = leak
    rows = [row for row in of(log, configuration) if row["refused_by"] == "credential:revoked"]
    entry = ("incidents", "causes", "credential")
    assert said(study, configuration, *entry, "attempts") == pytest.approx(len(rows) / RUNS)
    everybody = {"mobile", "web", "payments", "data"}
    assert set().union(*hit(rows).values()) == (everybody if configuration == "shared" else {"mobile"})


@pytest.mark.parametrize("configuration", ["uncapped", "capped"])
def test_the_bill_before_and_after_the_change(price: tuple[Study, list[Row]], configuration: str) -> None:
    study, log = price
    prices = {"claude-sonnet-4-5": ((3, 15), (2, 10)), "claude-haiku-4-5": ((1, 5), (1.5, 7.5))}
    for row in of(log, configuration, outcome="succeeded"):
        old, new = prices[row["model"]]
        rate = old if row["timestamp"] < "2026-01-16" else new
        exact = int(row["input_tokens"]) * rate[0] + int(row["output_tokens"]) * rate[1]
        assert abs(int(row["cost_microusd"]) - exact) <= 0.5
    for team in ("writers", "taggers", "both"):
        rows = of(log, configuration, team=team)
        assert said(study, configuration, "teams", team, "cost_usd") == pytest.approx(cost(rows))


def test_how_much_more_a_request_costs_afterwards(price: tuple[Study, list[Row]]) -> None:
    study, log = price
    changes = []
    for run in range(RUNS):
        means = []
        for late in (False, True):
            rows = of(log, "uncapped", team="taggers", outcome="succeeded", replication=str(run))
            costs = [int(row["cost_microusd"]) for row in rows if (row["timestamp"] >= "2026-01-16") == late]
            means.append(sum(costs) / len(costs))
        changes.append(means[1] / means[0] - 1)
    told = said(study, "uncapped", "incidents", "unit_cost_usd", "teams", "taggers", "change_share")
    assert told == pytest.approx(sum(changes) / RUNS)
