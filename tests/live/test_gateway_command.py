"""``keystorm gateway`` as a user calls it, with the simulator standing for the proxy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("uvicorn", reason="the extra `serve` is not installed")

from sim.cli.main import main
from sim.live.gates import Lateness, Measured, Worker, gates
from sim.live.order import LiveOrder
from sim.live.outcome import LiveOutcome
from sim.results.store import read
from sim.scenario.loader import load
from sim.scenario.plan import build_plan
from sim.study.gateway import config, probes, run
from sim.study.gateway.options import LATE_P99_NS
from sim.study.gateway.scenario import Staged, silent
from sim.study.gateway.verdicts import Verdict
from sim.study.live.emulator import Emulator
from sim.study.runs import checked_run, settings_of
from sim.units import MICRO, MS, SECOND
from tests.live.sender import late_plan, tables
from tests.live.test_live_command import SCENARIO, everything_written

SECRET = "sk-ks-test-held-by-the-proxy"
WORDS = ["gateway", "desk.yaml", "--wall", "24s", "--no-probes"]


class StandIn:
    """A proxy with the simulator's rules, arrivals a little later, and refusals that do not say when to come back."""

    def __init__(self) -> None:
        self.late_ns, self.lateness, self.silent, self.deaf = 20 * MS, 5 * MS, True, False
        self.orders: list[LiveOrder] = []
        self.environments: list[Mapping[str, str]] = []
        self.log = Path()

    def __call__(self, order: LiveOrder, folder: Path, environment: Mapping[str, str], progress: Any) -> LiveOutcome:
        self.orders.append(order)
        self.environments.append(environment)
        loaded = silent(load(order.scenario)) if self.silent else load(order.scenario)
        name = "upstream" if self.deaf else order.configuration
        setting = replace(settings_of(loaded, (name,))[0], name=order.configuration)
        plan = late_plan(build_plan(loaded.scenario, 0, loaded.traces), self.late_ns)
        done = checked_run("plain", setting, plan, 0)
        requests, attempts = tables(done)
        if self.silent:
            attempts["retry_after_ns"] = -1
        self.book(order, float(attempts["cost_microusd"].sum()) / MICRO)
        late = Lateness(len(plan), *[self.lateness] * 4)
        measured = Measured(len(plan), len(plan), late, None, (Worker(0, len(plan), len(plan), 9, 0.1, 0.1, 1, 1, 0),))
        return LiveOutcome(order, requests, attempts, done.result, setting.refusers, measured, gates(measured), 0, 1.0)

    def book(self, order: LiveOrder, usd: float) -> None:
        """A row of the proxy's spend log."""
        told = {"user_api_key_alias": f"{order.configuration}-shared", "litellm_overhead_time_ms": 40.0}
        with self.log.open("a") as log:
            log.write(json.dumps({"spend": usd, "metadata": json.dumps(told)}) + "\n")


@pytest.fixture
def proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """A working folder with a scenario, and what stands for the proxy there."""
    found = StandIn()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "desk.yaml").write_text(SCENARIO, "utf-8")

    @contextmanager
    def up(stage: Staged, command: Path, options: Any, environment: Any, work: Path, progress: Any) -> Iterator[Any]:
        keys = [*(key for one in stage.arrangements.values() for key in one.keys.values()), *probes.keys().values()]
        found.log = work / config.LOG
        held = {key.variable: SECRET for key in keys}
        yield run._Stage("http://127.0.0.1:1", 3.0, Emulator("http://127.0.0.1:2", 0, {}), held, found.log)

    monkeypatch.setattr(run, "_up", up)
    monkeypatch.setattr(run, "_warm", lambda bench: "9.9.9")
    monkeypatch.setattr(run, "executable", lambda named: Path("litellm"))
    monkeypatch.setattr("sim.live.run.run_live", found)
    return found


def summary(folder: Path = Path("reports/gateway-desk")) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text("utf-8"))
    return found


def test_a_proxy_that_does_what_is_predicted(proxy: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(WORDS) == 0
    told = capsys.readouterr()
    assert "LiteLLM 9.9.9 did what the simulator’s fixed window predicts" in told.out
    found = summary()
    assert list(found["configurations"]) == ["projects", "shared"]
    for name, entry in found["configurations"].items():
        assert (entry["agrees"], entry["retry_after"], entry["invalid"]) == (True, False, [])
        assert entry["decisions"]["asked"] == entry["decisions"]["same"] > 0
        live, predicted = (read(Path("reports/gateway-desk", name, side)) for side in ("litellm", "predicted"))
        assert len(live[0]) == len(predicted[0]) == entry["requests"]
        refused = {line["team"]: line["live"] for line in entry["lines"] if line["metric"] == "refused"}
        assert refused["all teams"] > 0, "nothing was compared if nothing was refused"
        other = {(line["team"], line["metric"]): line["difference"] for line in entry["other"]}
        assert other["shop", "p95"] != 0, "clients that are told when to come back come back at another time"
    assert found["gateway"]["overhead_ms"] == {"p50": 40.0, "p95": 40.0}
    booked = {one["name"]: one["departs"] for one in found["probes"]}
    assert booked == {"spend booked, projects": True, "spend booked, shared": False}
    assert "spend booked, projects" in told.out


def test_its_orders_go_through_the_proxy_and_no_secret_is_written(proxy: StandIn, tmp_path: Path) -> None:
    assert main([*WORDS, "--quiet"]) == 0
    for order, environment in zip(proxy.orders, proxy.environments, strict=True):
        assert (order.base_url, order.control_url, order.plan_header) == ("http://127.0.0.1:1", None, True)
        assert {environment[name] for name in order.secrets.values()} == {SECRET}
    assert SECRET.encode() not in everything_written(tmp_path)
    out = tmp_path / "reports" / "gateway-desk"
    assert {path.name for path in out.iterdir()} == {
        "summary.json", "manifest.json", "report.html", "report.md", "figures", "scenario.yaml", "spend-logs.jsonl",
        "shared", "projects",
    }  # fmt: skip
    assert load(out / "scenario.yaml").scenario.duration == 18 * SECOND
    page = (out / "report.html").read_bytes()
    (out / "report.html").unlink()
    assert main(["report", str(out), "--quiet"]) == 0
    assert (out / "report.html").read_bytes() == page


def test_a_proxy_without_limits_is_98_and_the_decisions_tell(
    proxy: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    proxy.deaf = True
    assert main([*WORDS, "--configuration", "shared"]) == 98
    told = capsys.readouterr()
    assert "did not do what the simulator’s fixed window predicts" in told.out
    (entry,) = summary()["configurations"].values()
    assert entry["decisions"]["share"] < 0.95
    assert "all teams: refused" in entry["failed"]


def test_a_proxy_that_says_when_to_come_back_is_measured_by_the_other_prediction(proxy: StandIn) -> None:
    proxy.silent = False
    assert main([*WORDS, "--configuration", "shared", "--json"]) == 0
    (entry,) = summary()["configurations"].values()
    assert (entry["retry_after"], entry["agrees"]) == (True, True)
    assert "Its refusals said when to come back" in Path("reports/gateway-desk/report.md").read_text("utf-8")


@pytest.mark.parametrize(("late", "code"), [(LATE_P99_NS, 0), (LATE_P99_NS + MS, 98)])
def test_a_run_that_left_late_says_nothing(proxy: StandIn, late: int, code: int) -> None:
    proxy.lateness = late
    assert main([*WORDS, "--configuration", "shared", "--quiet"]) == code
    assert summary()["agrees"] is (code == 0)


def test_probes_stand_in_the_report(
    proxy: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def one(bench: probes.Bench) -> Iterator[Verdict]:
        assert np.isclose(bench.price[0], 3e-6)
        yield Verdict("a probe", "something is asked", "200", "500", departs=True)

    monkeypatch.setattr(probes, "PROBES", (one,))
    assert main([*WORDS[:-1], "--configuration", "shared"]) == 0
    told = capsys.readouterr()
    assert "1 of 2 probes find it to depart from a provider" in told.out.replace("\n", " ")
    page = Path("reports/gateway-desk/report.md").read_text("utf-8")
    assert "| a probe | something is asked | 200 | 500 |" in page


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--configuration", "sharde"], 'did you mean "shared"?'),
        (["--wall", "1s"], "expected a time from 2s to 1h"),
        (["--window", "0"], "expected a whole number"),
        (["--peak", "many"], "expected a whole number"),
    ],
)
def test_bad_input(proxy: StandIn, capsys: pytest.CaptureFixture[str], words: list[str], says: str) -> None:
    assert main([*WORDS, *words]) == 2
    assert says in capsys.readouterr().err
    assert proxy.orders == []
    assert not Path("reports").exists()
