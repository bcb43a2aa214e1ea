"""Live and validate with nothing replaced: the replayer, the emulator, HTTP between them; reports in a browser."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("uvicorn", reason="the extra `serve` is not installed")
if find_spec("locust") is None:  # looked for, not imported: it patches the whole process
    pytest.skip("the extra `live` is not installed", allow_module_level=True)

from sim.cli.main import main
from sim.results.store import read
from tests.emulator.browser import browser, needs_browser

HERD = """
name: herd
question: Who of thirty gets through?
duration: 40s
drain: 20s
seed: 8
teams:
  shop: &team
    workload:
      - {arrivals: {poisson: {rate: 60/min}}, model: fast, input_tokens: 900, output_tokens: 90}
      - {arrivals: {herd: {size: 15, at: 10s}}, model: fast, input_tokens: 900, output_tokens: 90}
  batch: *team
models: {fast: {like: claude-sonnet-4-5, first_token: 300ms, per_token: 1ms}}
configurations: {shared: {isolation: shared, limits: {requests: 60/min, burst: 10}, spend_cap: $0.30/month}}
chaos: [{storm: {status: 503, at: 20s, for: 5s, probability: 50%}}]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = Path(tmp_path_factory.mktemp("real"))
    (found / "herd.yaml").write_text(HERD, "utf-8")
    return found


def summary(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text("utf-8"))
    return found


@pytest.fixture(scope="module")
def validated(folder: Path) -> dict[str, Any]:
    """A validation of six seconds. How late it was is the machine's affair; 98 is no failure here."""
    code = main(["validate", str(folder / "herd.yaml"), "--wall", "6s", "--speed", "10", "--quiet", "--out",
                 str(folder / "validated")])  # fmt: skip
    assert code in (0, 98)
    return summary(folder / "validated")["configurations"]["shared"]  # type: ignore[no-any-return]


def test_the_emulator_decided_by_the_rules_and_by_when_attempts_came(validated: dict[str, Any]) -> None:
    decisions = validated["boundary"]["decisions"]
    assert decisions["asked"] > 100
    assert decisions["same"] == decisions["asked"]


def test_everything_was_sent_and_what_ends_otherwise_is_explained(validated: dict[str, Any]) -> None:
    gates = {gate["name"]: gate for gate in validated["gates"]}
    assert gates["rows_sent"]["passed"]
    assert gates["workers_complete"]["passed"]
    assert validated["boundary"]["counts"]["not explained"] == 0
    offered = [line for line in validated["lines"] if line["metric"] == "offered"]
    assert all(line["within"] for line in offered)


def test_both_tables_of_both_worlds_are_there(folder: Path, validated: dict[str, Any]) -> None:
    for world in ("simulated", "live"):
        requests, attempts = read(folder / "validated" / "shared" / world)
        assert len(requests) == validated["requests"]
        assert len(attempts) == requests["attempts"].sum()
        assert int(requests["cost_microusd"].sum()) == int(attempts["cost_microusd"].sum()) > 0


@needs_browser
def test_the_reports_open_in_a_browser(folder: Path, validated: dict[str, Any], tmp_path: Path) -> None:
    code = main(["live", str(folder / "herd.yaml"), "--speed", "20", "--quiet", "--out", str(folder / "live")])
    assert code in (0, 98, 99)
    headings = "[...document.querySelectorAll('h2')].map(one => one.innerText).join('|')"
    with browser(tmp_path / "profile") as page:
        page.go((folder / "live" / "report.html").as_uri())
        told = page.wait_for(headings)
        assert "Did the run keep its schedule?" in told and "What each team gets" in told
        assert page.ask("document.querySelectorAll('svg').length") > 5
        page.go((folder / "validated" / "report.html").as_uri())
        page.wait_for(f"({headings}).includes('Side by side')")
        assert page.ask("document.body.innerText.includes('Fed with the live run')")


def test_a_run_that_may_not_spend_more_stops_below_it(folder: Path) -> None:
    """The bound holds with requests in flight, what was not sent is recorded, and the run does not pass for whole."""
    bound = 0.2  # one attempt may cost $0.064, and does cost $0.004
    code = main(["live", str(folder / "herd.yaml"), "--speed", "20", "--quiet", "--max-spend", f"${bound}", "--out",
                 str(folder / "bounded")])  # fmt: skip
    found = summary(folder / "bounded")
    assert code == 98
    assert found["live"]["stop_reason"] == "max_spend"
    requests, attempts = read(folder / "bounded")
    assert 0 < attempts["cost_microusd"].sum() <= bound * 1e6
    assert found["checks"]["rows_planned"] == len(requests) > (requests["attempts"] > 0).sum()


def test_a_run_that_may_send_so_many_attempts_sends_no_more(folder: Path) -> None:
    code = main(["live", str(folder / "herd.yaml"), "--speed", "20", "--quiet", "--max-requests", "25", "--out",
                 str(folder / "counted")])  # fmt: skip
    assert code == 98
    assert len(read(folder / "counted")[1]) == 25
    assert summary(folder / "counted")["live"]["stop_reason"] == "max_requests"
