"""The audit log: its columns, its words, and the report's numbers added up from it alone."""

from __future__ import annotations

import csv
import json
import math
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sim.catalogue import retry_names, retry_preset
from sim.cli.main import main
from sim.errors import BadInput
from sim.results.audit import AUDIT, OUTCOMES, Facts, audit_table, fingerprint, markdown, write_audit
from sim.scenario.loader import load, load_text
from sim.study.audit import SPELLED_OUT, user_agent
from sim.study.compare import Options, Study, compare
from sim.study.progress import Silent
from sim.units import epoch_ns, moment, moment_text
from tests.unit.bad_scenarios import GOOD
from tests.unit.metric_tables import Ask, Try, tables

pytestmark = pytest.mark.usefixtures("simpy_aside")

ARTICLE = ("timestamp", "project", "model", "token_consumption", "cost_usd", "user_agent")
START = datetime(2026, 1, 1, tzinfo=UTC)
PRICES = {"sonnet-flat": (15, 15)}
"""Dollars per million tokens of input and output, as scenarios/budget-overshoot.yaml has them."""

Row = dict[str, str]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The library's scenario of budgets, three replications of the three arrangements by the month."""
    loaded = load("budget-overshoot", overrides={"replications": 3})
    only = ("check then add", "reserve", "one cap for all")
    out = tmp_path_factory.mktemp("audited")
    return compare(loaded, Options(configurations=only, counterfactual=False, audit=True, out=out), Silent())


@pytest.fixture(scope="module")
def log(study: Study) -> list[Row]:
    assert study.directory is not None
    with (study.directory / "audit.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def of(log: list[Row], configuration: str) -> Iterator[tuple[int, Row]]:
    return ((int(row["replication"]), row) for row in log if row["configuration"] == configuration)


def at(row: Row, name: str) -> float:
    """Seconds from the scenario's start, exact to the nanosecond in the text, here to a microsecond."""
    return (datetime.fromisoformat(row[name][:26] + "+00:00") - START).total_seconds()


def mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


# The report from the log alone


def test_the_article_s_columns_come_first(log: list[Row]) -> None:
    assert tuple(log[0])[: len(ARTICLE)] == ARTICLE
    assert tuple(log[0]) == tuple(column.name for column in AUDIT)


def test_each_cost_is_tokens_times_price(log: list[Row]) -> None:
    """What is billed is what tokens cost; what was refused costs nothing and consumes none."""
    for row in log:
        tokens = [int(row[name]) for name in ("input_tokens", "cached_tokens", "output_tokens")]
        assert int(row["token_consumption"]) == sum(tokens)
        wanted = tokens[0] * PRICES[row["model"]][0] + tokens[2] * PRICES[row["model"]][1]
        assert abs(int(row["cost_microusd"]) - wanted) <= 1
        assert row["cost_usd"] == f"{int(row['cost_microusd']) / 1e6:.6f}"
        assert (int(row["cost_microusd"]) > 0) == (row["outcome"] == "succeeded")


@pytest.mark.parametrize("configuration", ["check then add", "reserve", "one cap for all"])
def test_spend_by_team_and_project_adds_up(study: Study, log: list[Row], configuration: str) -> None:
    side = study.summary["configurations"][configuration]
    teams: dict[str, float] = defaultdict(float)
    projects: dict[str, float] = defaultdict(float)
    for _, row in of(log, configuration):
        teams[row["team"]] += int(row["cost_microusd"]) / 1e6 / 3
        projects[row["project"]] += int(row["cost_microusd"]) / 1e6 / 3
    assert {team: side["teams"][team]["cost_usd"]["mean"] for team in teams} == pytest.approx(dict(teams))
    lines = {line["project"] if line["project"] != "default" else line["account"]: line["cost_usd"]["mean"]
             for line in side["spend"]["by_project"]}  # fmt: skip
    assert lines == pytest.approx(dict(projects))
    assert len(projects) == (1 if configuration == "one cap for all" else 5)


@pytest.mark.parametrize("configuration", ["check then add", "reserve", "one cap for all"])
def test_overshoot_and_refusals_add_up(study: Study, log: list[Row], configuration: str) -> None:
    """The spend of the month until the end of each attempt, against the cap that the project's rows name."""
    side = study.summary["configurations"][configuration]
    for cap in side["budgets"]:
        mine = [(run, row) for run, row in of(log, configuration) if row["team"] in cap["teams"]]
        spent, refused = [0.0] * 3, [set(), set(), set()]  # type: ignore[var-annotated]
        for run, row in mine:
            assert at(row, "ended_at") < cap["period_s"], "one window"
            spent[run] += int(row["cost_microusd"]) / 1e6
            if row["refused_by"] == f"budget:{cap['name']}":
                assert (row["outcome"], row["status"]) == ("budget_exceeded", "400")
                refused[run].add(row["request_id"])
        assert cap["spend_usd"]["mean"] == pytest.approx(mean(spent))
        assert cap["overshoot_usd"]["mean"] == pytest.approx(mean([max(0.0, one - cap["cap_usd"]) for one in spent]))
        assert cap["requests_refused"]["mean"] == pytest.approx(mean([float(len(one)) for one in refused]))


def test_when_a_cap_is_reached_adds_up(study: Study, log: list[Row]) -> None:
    cap = study.summary["configurations"]["check then add"]["budgets"][0]
    reached = []
    for run in range(3):
        mine = [row for of_run, row in of(log, "check then add") if of_run == run and row["team"] in cap["teams"]]
        total = 0.0
        for row in sorted(mine, key=lambda row: row["ended_at"]):
            total += int(row["cost_microusd"]) / 1e6
            if total >= cap["cap_usd"]:
                reached.append(at(row, "ended_at"))
                break
    assert cap["by_window"][0]["reached_s"]["mean"] == pytest.approx(mean(reached), abs=2e-6)


def test_requests_attempts_and_success_add_up(study: Study, log: list[Row]) -> None:
    for name, side in study.summary["configurations"].items():
        rows = list(of(log, name))
        for team, metrics in side["teams"].items():
            runs = [[row for run, row in rows if run == number and row["team"] == team] for number in range(3)]
            asked = [{row["request_id"] for row in run} for run in runs]
            won = [{row["request_id"] for row in run if row["outcome"] == "succeeded"} for run in runs]
            shares = [len(good) / len(all_) for good, all_ in zip(won, asked, strict=True)]
            tries = [len(run) / len(all_) for run, all_ in zip(runs, asked, strict=True)]
            assert metrics["offered"]["mean"] == mean([float(len(one)) for one in asked])
            assert metrics["success_rate"]["mean"] == pytest.approx(mean(shares))
            assert metrics["attempts_per_request"]["mean"] == pytest.approx(mean(tries))


# Columns


def test_times_are_rfc_3339_from_the_scenario_s_start_and_expire_after_the_retention(log: list[Row]) -> None:
    for row in log[:200]:
        for name in ("timestamp", "ended_at", "expires_at"):
            assert row[name].endswith("Z")
            assert len(row[name]) == len("2026-01-01T00:00:00.000000000Z")
        assert at(row, "expires_at") - at(row, "timestamp") == 90 * 86400


def test_parquet_says_the_same_with_types(study: Study, log: list[Row]) -> None:
    assert study.directory is not None
    table = pd.read_parquet(study.directory / "audit.parquet")
    assert len(table) == len(log) == len(study.attempts if study.attempts is not None else ())
    assert str(table["timestamp"].dt.tz) == "UTC"
    assert table["cost_microusd"].tolist() == [int(row["cost_microusd"]) for row in log]
    assert table["timestamp"].astype("int64").iloc[0] == epoch_ns(START) + round(at(log[0], "timestamp") * 1e9)


def test_fingerprints_are_stable_and_of_each_key_its_own(log: list[Row]) -> None:
    by_key = {(row["account"], row["project"]): row["key_fingerprint"] for row in log}
    assert len(set(by_key.values())) == len(by_key) == 6
    assert by_key["shared", "shared"] == fingerprint("shared/default/default")
    assert fingerprint("shared/default/default") == "key_b5e84c4a6041"


def table_of(asks: list[Ask], facts: Facts) -> pd.DataFrame:
    requests, attempts = tables(asks)
    return audit_table(requests, attempts, facts)


def by_hand(**more: Any) -> Facts:
    given = {
        "start_ns": epoch_ns(moment("2026-03-01T12:00:00Z")), "retention_ns": 86400 * 10**9,
        "keys": {"k": ("acme", "data")}, "agents": {("shared", "a"): "Agent/1", ("shared", "=b"): "Agent/2"},
    }  # fmt: skip
    return Facts(**{**given, **more})


def test_every_end_has_its_word() -> None:
    ends = [(200, ""), (-1, ""), (400, "budget:account:x"), (429, "account:x:requests"), (503, "storm:503"),
            (499, ""), (0, ""), (401, "key:revoked")]  # fmt: skip
    tries = tuple(Try(n, None if status == -1 else n + 0.5, status, by) for n, (status, by) in enumerate(ends))
    table = table_of([Ask("a", 0, tries)], by_hand())
    assert table["outcome"].tolist() == list(OUTCOMES)
    assert table["ended_at"].isna().tolist() == [status == -1 for status, _ in ends]
    assert str(table["timestamp"][1]) == "2026-03-01 12:00:01+00:00"
    assert set(table["user_agent"]) == {"Agent/1"}
    assert set(table["project"]) == {"data"}


def test_429_of_a_budget_is_a_budget_s() -> None:
    """OpenAI's spent budgets are 429 too."""
    table = table_of([Ask("a", 0, (Try(0, 1, 429, "budget:account:x"),), "failed")], by_hand())
    assert table["outcome"].tolist() == ["budget_exceeded"]


def test_what_a_fault_sends_has_the_fault_s_name() -> None:
    table = table_of([Ask("a", 0, (Try(0, 1),), origin="runaway_job")], by_hand())
    assert table["user_agent"].tolist() == ["runaway_job"]


def test_tokens_that_were_not_billed_are_not_consumed() -> None:
    """Output made for a client that hung up counts where it was billed, and only there."""
    hung_up = [Ask("a", 0, (Try(0, 1, 499, output=70, input=5, cost=cost),), "gave_up") for cost in (0, 9)]
    assert table_of(hung_up, by_hand())["token_consumption"].tolist() == [0, 75]


def test_no_name_becomes_a_formula(tmp_path: Path) -> None:
    facts = by_hand(keys={"k": ("@x", "+data")})
    write_audit(tmp_path, table_of([Ask("=b", 0, (Try(0, 1),))], facts))
    (row,) = csv.DictReader((tmp_path / "audit.csv").read_text().splitlines())
    assert (row["team"], row["account"], row["project"]) == ("'=b", "'@x", "'+data")
    assert pd.read_parquet(tmp_path / "audit.parquet")["team"].tolist() == ["=b"]


def test_user_agents_are_the_presets_and_a_policy_spelled_out_is_told_apart() -> None:
    scenario = load_text(GOOD, Path("good.yaml")).scenario
    assert user_agent(scenario.teams["web"].client) == "Anthropic/Python 2.12.0"
    assert user_agent(scenario.teams["batch"].client) == SPELLED_OUT
    for name in retry_names():
        assert retry_preset(name).user_agent.isprintable()


def test_the_page_of_the_columns_is_current() -> None:
    page = Path(__file__).parents[2] / "docs" / "audit.md"
    assert page.read_text("utf-8") == markdown()


# The scenario's start, and the flag


def test_start_and_retention_are_the_scenario_s(tmp_path: Path) -> None:
    text = GOOD.replace("duration: 1h", "start: 2025-06-30T22:00:00-02:00\naudit: {retention: 7d}\nduration: 10m")
    text = text[: text.index("chaos:")].replace("warmup: 5m\n", "")
    (tmp_path / "a.yaml").write_text(text)
    out = tmp_path / "out"
    flags = ["--audit", "--quiet", "--no-counterfactual", "--configuration", "shared", "--replications", "1"]
    assert main(["compare", str(tmp_path / "a.yaml"), *flags, "--out", str(out)]) == 0
    row = next(csv.DictReader((out / "audit.csv").read_text().splitlines()))
    assert row["timestamp"].startswith("2025-07-01T00:0")
    assert row["expires_at"].startswith("2025-07-08T00:0")
    resolved = json.loads((out / "manifest.json").read_text())["scenario"]["resolved"]
    assert (resolved["start"], resolved["audit"]) == ("2025-07-01T00:00:00Z", {"retention": "7d"})
    assert "audit.csv" in (out / "report.html").read_text("utf-8")
    assert main(["compare", str(tmp_path / "a.yaml"), *flags[1:], "--out", str(out)]) == 0
    assert not (out / "audit.csv").exists(), "the log of another study does not stay"


@pytest.mark.parametrize("rows", ["none", "requests"])
def test_without_attempts_there_is_no_audit(rows: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="an audit log needs the attempts") as caught:
        compare(load_text(GOOD, Path("good.yaml")), Options(rows=rows, audit=True, out=tmp_path), Silent())
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("text", ["2026-01-01", "2026-01-01T00:00:00", "yesterday", "1969-12-31T00:00:00Z", 5, None])
def test_a_start_without_date_or_offset_is_refused(text: object) -> None:
    with pytest.raises(BadInput, match="not a moment"):
        moment(text)


def test_moments_are_read_back() -> None:
    for text in ("2026-01-01T00:00:00Z", "2026-12-31T23:59:59.250000Z"):
        assert moment_text(moment(text)) == text
    assert moment_text(moment("2026-01-01T01:30:00+01:30")) == "2026-01-01T00:00:00Z"
    assert epoch_ns(moment("1970-01-02T00:00:00.000001Z")) == 86_400_000_001_000
