"""From a public trace to a plan: import, tune, migrate and report in one go, on the traffic of a real pool."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from sim.cli.main import main

pytestmark = pytest.mark.data
RATES, TOKENS = "servegen_deepseek_r1_client_rates.csv.gz", "servegen_deepseek_r1_client_tokens.csv.gz"


def test_from_the_trace_of_a_pool_to_a_plan(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(shared_data)
    log, tuned, out = (tmp_path / name for name in ("log", "tuned", "plan"))
    assert main(["import", RATES, "--tokens", TOKENS, "--window", "0s..20m", "--out", str(log), "--quiet"]) == 0
    words = ["--account-capacity", "1300/min", "--replications", "2", "--quiet"]
    steps = ["--waves", "5", "--drills", "1", "--group-below", "4%", "--start", "2026-12-01", "--export", "csv"]
    assert main(["migrate", str(log), "--out", str(out), *words, *steps]) in (0, 99)
    summary = json.loads((out / "summary.json").read_text())
    imported = json.loads((log / "profile.json").read_text())
    teams = {team for one in summary["projects"] for team in one["teams"]}
    assert teams == set(imported["teams"]), "every client of the trace is in one project"
    assert len(summary["steps"]) <= 5 and summary["steps"][-1]["shared"]["teams"] == []
    assert summary["risk"]["end"]["mean"] < summary["risk"]["today"]["mean"]
    assert all(one["fits"] for state in summary["states"] for one in state["sums"])
    assert all(summary["checks"]["rollbacks_restore"])
    chosen, others = summary["order"]["chosen"], summary["order"]["others"]
    alphabetical = next(one for one in others if one["name"] == "alphabetical")
    assert chosen["exposure"] < alphabetical["exposure"]
    for step in summary["steps"]:
        rows = list(csv.DictReader((out / "steps" / step["folder"] / "limits.csv").read_text().splitlines()))
        assert sum(float(row["rpm"]) for row in rows if row["rpm"]) <= 1300
    assert (out / "report.html").stat().st_size > 50_000 and "- [ ]" in (out / "runbook.md").read_text()
    # The scenario beside the plan is one that tune and compare take.
    assert main(["tune", str(out / "scenario.yaml"), "--out", str(tuned), "--configuration", "shared", *words]) in (
        0,
        99,
    )
    assert json.loads((tuned / "tune.json").read_text())["kind"] == "tune"
    assert not capsys.readouterr().err
