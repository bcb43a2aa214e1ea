"""A real LiteLLM proxy, started, asked and ended: what is tested elsewhere with stand-ins holds with it too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sim.study.gateway.proxy import OWN

ROOT = Path(__file__).parents[2]
LITELLM = ROOT / OWN
WINDOW_S = 5

pytestmark = [
    pytest.mark.litellm,
    pytest.mark.slow,
    pytest.mark.skipif(not LITELLM.exists(), reason=f"there is no {OWN}; make live-litellm installs it"),
]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One short comparison, probes and all: its folder."""
    folder = tmp_path_factory.mktemp("litellm")
    words = [
        sys.executable, "-m", "sim", "gateway", str(ROOT / "scenarios/noisy-neighbour.yaml"),
        "--configuration", "shared", "--wall", "20s", "--window", str(WINDOW_S), "--peak", "6",
        "--litellm", str(LITELLM), "--out", "out",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode in (0, 98) and (folder / "out" / "summary.json").exists(), (
        done.stderr
    )  # on a busy machine a run leaves too late to be valid
    return folder / "out"


def summary(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text("utf-8"))
    return found


def test_its_window_is_the_one_that_is_simulated(result: Path) -> None:
    (entry,) = summary(result)["configurations"].values()
    lines = {(line["team"], line["metric"]): line for line in entry["lines"]}
    assert lines["all teams", "refused"]["live"] > 0
    assert lines["all teams", "admitted"]["live"] > 0
    gates = {gate["name"]: gate["passed"] for gate in entry["gates"]}
    assert gates["rows_sent"] and gates["workers_complete"]
    decided = entry["decisions"]
    assert decided["asked"] > 0
    # A busy machine answers late; windows are counted in whole seconds: those near an edge may fall on its other side.
    assert decided["same"] + decided["near"] >= 0.9 * decided["asked"]


def test_its_departures_are_found(result: Path) -> None:
    found = {one["name"]: one for one in summary(result)["probes"]}
    assert summary(result)["gateway"]["version"] == "1.106.2"
    assert found["rpm_limit"]["departs"] is False
    for name in (
        "retry-after on /v1/messages", "refused by one level", "budget on /v1/messages",
        "upstream's 529 on /v1/messages", "upstream's retry-after on /v1/messages", "cooldown after a 401",
    ):  # fmt: skip
        assert found[name]["departs"] is True, found[name]
    assert found["upstream's 400 on /v1/messages"]["departs"] is False
    assert found["spend booked, shared"]["departs"] is False


def test_its_spend_log_is_imported_and_nothing_secret_is_in_it(result: Path, tmp_path: Path) -> None:
    from sim.cli.main import main

    log = result / "spend-logs.jsonl"
    rows = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    assert main(["import", str(log), "--out", str(tmp_path / "imported"), "--quiet"]) == 0
    profile = json.loads((tmp_path / "imported" / "profile.json").read_text("utf-8"))
    assert (profile["format"], profile["rows_read"], profile["rows_rejected"]) == ("litellm", len(rows), 0)
    everything = b"".join(path.read_bytes() for path in result.rglob("*") if path.is_file())
    assert b"sk-ks-test-" not in everything
    assert b"ks-test-" not in everything
    assert not any("messages" in row or "response" in row for row in rows)
    assert b"Planned traffic" not in log.read_bytes(), "what was asked is in no log"
