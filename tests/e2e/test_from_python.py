"""The same as the command, from Python: `sim.load`, `sim.compare`, `sim.run`, with real engines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import sim
from sim.cli.main import main
from sim.errors import BadInput
from sim.scenario.loader import Loaded
from sim.study.api import Options, Result
from sim.study.progress import Silent
from tests.e2e.test_wheel import HOSTILE, SMALL

SLOS = f"""\
slos:
  - "{HOSTILE}": success_rate >= 99.9%
  - batch: offered >= 1
"""


class Counter(Silent):
    """Counts what a study says that it will do, and what it did."""

    def __init__(self) -> None:
        self.stages: list[list[int]] = []

    def start(self, title: str, total: int) -> None:
        self.stages.append([total, 0])

    def advance(self, n: int = 1) -> None:
        self.stages[-1][1] += n


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    path = tmp_path_factory.mktemp("scenario") / "small.yaml"
    path.write_text(SMALL + SLOS)
    return sim.load(path)


@pytest.fixture(scope="module")
def study(loaded: Loaded) -> Result:
    return sim.compare(loaded)


def test_a_study_without_a_directory_writes_nothing(
    loaded: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert sim.run(loaded, options=Options(counterfactual=False)).directory is None
    assert list(tmp_path.iterdir()) == []


def test_every_step_that_is_announced_is_made(loaded: Loaded) -> None:
    counter = Counter()
    sim.compare(loaded, progress=counter)
    assert len(counter.stages) >= 2
    assert all(total == done for total, done in counter.stages)


def test_every_planned_request_is_a_row(study: Result) -> None:
    checks = study.summary["checks"]
    assert checks["rows_planned"] == checks["rows_reported"] == len(study.requests) > 0


@pytest.mark.parametrize("engine", ["plain", "simpy"])
def test_engines_agree_on_every_number(loaded: Loaded, study: Result, engine: str) -> None:
    other = sim.compare(loaded, options=Options(engine=engine)).summary
    assert other.pop("engine") == engine
    assert other == {name: value for name, value in study.summary.items() if name != "engine"}


def test_one_configuration_alone_has_the_numbers_that_it_has_beside_others(loaded: Loaded, study: Result) -> None:
    alone = sim.run(loaded, "projects").summary["configurations"]
    assert list(alone) == ["projects"]
    assert alone["projects"]["teams"] == study.summary["configurations"]["projects"]["teams"]


def test_the_gate_decides_which_misses_count(loaded: Loaded, study: Result) -> None:
    missed = {slo["configuration"] for slo in study.summary["slos"] if not slo["met"]}
    assert {slo["configuration"] for slo in study.missed} == missed
    assert "shared" in missed
    gated = sim.compare(loaded, options=Options(counterfactual=False, gate=("shared",)))
    assert {slo["configuration"] for slo in gated.missed} == {"shared"}
    assert sim.compare(loaded, options=Options(counterfactual=False, gate=())).missed == []


def test_seed_and_replications_can_be_given(loaded: Loaded, study: Result) -> None:
    other = sim.compare(loaded.path, seed=8, replications=1, options=Options(counterfactual=False)).summary
    assert (other["seed"], other["replications"]) == (8, 1)
    assert other["checks"]["digest"] != study.summary["checks"]["digest"]


@pytest.mark.parametrize("options", [Options(configurations=("nope",)), Options(engine="fast")])
def test_what_does_not_exist_is_bad_input(loaded: Loaded, options: Options) -> None:
    with pytest.raises(BadInput):
        sim.compare(loaded, options=options)


def test_the_command_writes_what_python_returns(
    loaded: Loaded, study: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["compare", str(loaded.path), "--json", "--quiet"]) == 99
    told = json.loads(capsys.readouterr().out)
    written = tmp_path / "reports" / "small"
    assert told == json.loads((written / "summary.json").read_text()) == json.loads(json.dumps(study.summary))
    pages = {name: (written / name).read_bytes() for name in ("report.html", "report.md")}
    assert main(["report", str(written), "--quiet"]) == 0
    assert {name: (written / name).read_bytes() for name in pages} == pages


def test_a_second_run_replaces_the_first_whole(loaded: Loaded, tmp_path: Path) -> None:
    out = tmp_path / "result"
    words = [str(loaded.path), "--quiet", "--out", str(out), "--replications", "2"]
    assert main(["compare", *words]) == 99
    assert (out / "counterfactual.parquet").exists()
    assert main(["run", *words, "--no-counterfactual"]) == 99
    assert list(json.loads((out / "summary.json").read_text())["configurations"]) == ["shared"]
    assert not (out / "counterfactual.parquet").exists(), "a table of another run"
