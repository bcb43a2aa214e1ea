"""A log becomes a scenario: its busiest stretch, a team each, a trace each model, and every assumption told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.cli.main import main
from sim.errors import BadInput
from sim.scenario.loader import load
from sim.study.migrate.source import Assumed, given, name_of, stretch
from sim.study.progress import Silent
from sim.units import HOUR, MINUTE, SECOND, rate


def log(
    folder: Path, rows: int = 300, models: tuple[str, ...] = ("claude-sonnet-4-5", "claude-haiku-4-5", "own-model")
) -> str:
    """A LiteLLM log of two teams over an hour."""
    lines = []
    for at in range(rows):
        stamp = f"2026-11-16T{10 + at * 12 // 3600:02d}:{at * 12 % 3600 // 60:02d}:{at * 12 % 60:02d}Z"
        lines.append(json.dumps({
            "request_id": f"r{at}", "startTime": stamp, "endTime": stamp, "team_id": ("web", "jobs")[at % 3 == 0],
            "prompt_tokens": 100 + at, "completion_tokens": 20, "spend": 0.01, "api_key": "sk-secret-of-somebody",
            "model": models[at % len(models)], "metadata": {},
        }))  # fmt: skip
    (folder / "spend.jsonl").write_text("\n".join(lines))
    return str(folder / "spend.jsonl")


def of(source: str, out: Path, **assumed: Any) -> Any:
    return given(source, out, overrides={}, assumed=Assumed(**assumed), progress=Silent())


def test_a_raw_log_becomes_a_scenario_that_loads_again(tmp_path: Path) -> None:
    found = of(log(tmp_path), tmp_path / "out")
    scenario = found.loaded.scenario
    assert set(scenario.teams) == {"web", "jobs"} and scenario.name == "spend"
    assert sorted({one.model for team in scenario.teams.values() for one in team.workload}) == [
        "claude-haiku-4-5", "claude-sonnet-4-5", "own-model"]  # fmt: skip
    assert scenario.models["own-model"].like == "claude-sonnet-4-5"
    again = load(tmp_path / "out" / "scenario.yaml")
    assert again.scenario == scenario
    rows = sum(len(trace.arrival_ns) for trace in again.traces.values())
    assert rows == 300
    # All traces are on one clock: the first row of the log is time 0.
    starts = sorted(int(at) for trace in again.traces.values() for at in trace.arrival_ns)
    assert starts == [12 * SECOND * at for at in range(300)]
    assert any("own-model" in note for note in found.notes) and any(
        "5 requests a minute" in note for note in found.notes
    )
    assert "sk-secret" not in (tmp_path / "out" / "scenario.yaml").read_text()


def test_what_an_import_left_is_read_and_its_folder_left_alone(tmp_path: Path) -> None:
    first = of(log(tmp_path), tmp_path / "one")
    before = sorted(path.name for path in (tmp_path / "one" / "log").iterdir())
    second = of(str(tmp_path / "one" / "log"), tmp_path / "two")
    assert second.loaded.scenario.teams == first.loaded.scenario.teams
    assert sorted(path.name for path in (tmp_path / "one" / "log").iterdir()) == before
    assert not (tmp_path / "two" / "log").exists()


def test_what_the_account_gives_may_be_said(tmp_path: Path) -> None:
    source = log(tmp_path)
    said = of(source, tmp_path / "a", capacity=rate("90/min")).loaded.scenario.configurations["shared"]
    assert str(said.limits[0].requests.rate) == "90/min"
    tier = of(source, tmp_path / "b", tier="anthropic/start").loaded.scenario.configurations["shared"]
    assert sorted(one.models for one in tier.limits) == [("claude-haiku-4-5",), ("claude-sonnet-4-5", "own-model")]
    assert str(tier.spend_cap[0].amount) == "$500/month"
    one = log(tmp_path, models=("claude-sonnet-4-5",))
    (single,) = of(one, tmp_path / "c", tier="anthropic/start").loaded.scenario.configurations["shared"].limits
    assert single.models is None and str(single.requests.rate) == "1000/min"
    with pytest.raises(BadInput) as error:
        of(source, tmp_path / "d", tier="anthropic/biuld")
    assert 'did you mean "anthropic/build"?' in str(error.value)


def test_the_stretch_is_whole_where_it_is_short_and_busiest_where_it_is_not() -> None:
    calm = np.arange(0, 5 * HOUR, 10 * SECOND)
    assert stretch(calm) == (0, 5 * HOUR)
    burst = np.sort(np.concatenate([calm, np.linspace(3 * HOUR, 3 * HOUR + 20 * MINUTE, 900).astype(np.int64)]))
    start, length = stretch(burst, most=1500)
    inside = np.count_nonzero((burst >= start) & (burst < start + length))
    assert length == HOUR and start <= 3 * HOUR < start + length and 900 < inside <= 1500
    # However dense: a quarter of an hour at least.
    assert stretch(np.arange(0, HOUR, SECOND // 10), most=10)[1] == 15 * MINUTE


@pytest.mark.parametrize(
    ("source", "name"),
    [("a/spend logs.csv.gz", "spend-logs"), ("postgresql://x@y/z", "database"), ("noisy-neighbour", "noisy-neighbour"),
     ("x/october/requests.parquet", "october"), ("-.csv", "log")],
)  # fmt: skip
def test_a_name_for_the_result(source: str, name: str) -> None:
    assert name_of(source) == name


def test_a_log_that_can_t_be_read_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "odd.csv").write_text("what,is\nthis,log\n")
    assert main(["migrate", str(tmp_path / "odd.csv"), "--out", str(tmp_path / "out"), "--quiet"]) == 2
    assert "the format is not recognised" in capsys.readouterr().err
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_from_a_log_to_a_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "migrate",
        log(tmp_path, 120),
        "--out",
        str(tmp_path / "out"),
        "--to",
        "keys",
        "--replications",
        "2",
        "--drills",
        "1",
    ]
    assert main(words) in (0, 99)
    said = capsys.readouterr().out
    assert "Mind: The log has no objectives" in said and "All 120 requests of the log are replayed" in said.replace(
        "\n", " "
    )
    made = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert {"log", "replay.parquet", "scenario.yaml", "runbook.md", "steps", "report.html"} <= set(made)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["source"]["kind"] == "log" and {one["name"] for one in summary["projects"]} == {"web", "jobs"}
    # The same folder can be used again.
    assert main([*words, "--quiet"]) in (0, 99)
