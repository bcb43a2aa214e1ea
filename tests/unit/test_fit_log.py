"""A whole fit: the scenario as a file, refusals of both sides, history, and how the command answers."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import sim
from sim.cli.main import main
from sim.errors import BadInput
from sim.scenario.loader import load_text
from sim.study.fitting.fit import fit_log
from sim.study.fitting.history import against_history, has_history, verdict_of
from sim.study.fitting.log import Log
from sim.study.fitting.types import Estimate, Fitted, Options
from tests.unit.fit_logs import attempts_log, one_stream, planned, requests_log, scenario
from tests.unit.test_fit_recovers import LADDER

QUICK = Options(replications=4)

AGENTS = """
name: agents
duration: 6h
drain: 1h
teams:
  agents:
    workload:
      - arrivals: {sessions: {rate: 30/h, steps: {median: 6, p95: 15}, think: {median: 4s, p95: 12s}, grow: 300}}
        model: claude-sonnet-4-5
        input_tokens: {median: 2000, p95: 6000}
        output_tokens: {median: 200, p95: 700}
configurations: {shared: {isolation: shared}}
"""


@pytest.fixture(scope="module")
def shared() -> tuple[Log, Fitted]:
    """A log of attempts of two teams on one key with a limit, and what was fitted to it."""
    log = attempts_log(scenario(LADDER))
    return log, fit_log(log, QUICK)


def test_the_file_says_what_was_fitted_and_from_what(shared: tuple[Log, Fitted]) -> None:
    fitted = shared[1]
    again = load_text(fitted.text, Path("again.yaml"))
    assert again.scenario == fitted.loaded.scenario
    assert set(again.scenario.teams) == {"checkout", "analytics"}
    assert again.scenario.teams["analytics"].workload[0].arrivals.kind == "bursts"
    assert again.scenario.teams["checkout"].workload[0].arrivals.kind == "poisson"
    assert list(again.scenario.configurations) == ["shared", "projects"]
    for word in ("lognormal", "rows retry an earlier one", "inferred: ", "durations against their output tokens"):
        assert word in fitted.text


def test_both_sides_meet_the_same_limits(shared: tuple[Log, Fitted]) -> None:
    fitted = shared[1]
    for dimension in ("requests", "tokens"):
        tests = [test for test in fitted.total() if test.dimension == dimension]
        assert [round(test.log, 2) for test in tests] == pytest.approx([0.05, 0.15, 0.4], rel=0.15)
        assert all(test.likely or abs(test.error) <= 0.1 for test in tests)
    assert {test.team for test in fitted.throttling} == {"checkout", "analytics", "total"}


def test_history_agrees_where_the_world_is_as_simulated(shared: tuple[Log, Fitted]) -> None:
    log, fitted = shared
    assert has_history(log)
    told = scenario(LADDER).model_copy(update={"models": fitted.loaded.scenario.models})
    found = against_history(log, told, "shared", QUICK)
    assert found.trust == "high", found.verdict
    share = found.of("total", "rate_limited_share")
    assert share is not None
    assert share.simulated.value == pytest.approx(share.recorded, abs=1e-3)
    assert {row.verdict for row in found.rows if row.metric != "latency_p99_s"} <= {"agrees", "near"}


def test_history_does_not_agree_with_another_limit(shared: tuple[Log, Fitted]) -> None:
    log, fitted = shared
    ladder = {"shared": {"isolation": "shared", "limits": {"requests": "200/min"}}}
    wrong = scenario(LADDER, configurations=ladder).model_copy(update={"models": fitted.loaded.scenario.models})
    found = against_history(log, wrong, "shared", QUICK)
    assert found.trust == "low"
    assert "429" in found.verdict


def test_an_inferred_limit_earns_no_high_trust(shared: tuple[Log, Fitted]) -> None:
    log, fitted = shared
    found = against_history(log, fitted.loaded.scenario, "shared", QUICK, inferred="from its 429s")
    assert (found.inferred, found.trust) == (True, "fair")


def test_history_needs_the_teams_and_the_models_of_the_log(shared: tuple[Log, Fitted]) -> None:
    log, fitted = shared
    with pytest.raises(BadInput, match="no such configuration"):
        against_history(log, fitted.loaded.scenario, "isolated", QUICK)
    spelled = {"shared": {"accounts": {"a": {"teams": ["checkout"]}}}}
    one = scenario(LADDER, configurations=spelled)
    with pytest.raises(BadInput, match="no key for a team"):
        against_history(log, one, "shared", QUICK)


def test_retries_that_left_no_row_are_simulated() -> None:
    log = requests_log(scenario(LADDER))
    fitted = fit_log(log, QUICK)
    assert {one.source for one in fitted.clients} == {"retries"}
    told = scenario(LADDER).model_copy(update={"models": fitted.loaded.scenario.models})
    share = against_history(log, told, "shared", QUICK).of("total", "rate_limited_share")
    assert share is not None
    assert share.verdict == "agrees"


def test_verdicts() -> None:
    assert verdict_of(0.10, Estimate(0.105, 0.1, 0.11), "share") == "agrees"
    assert verdict_of(0.001, Estimate(0.009, 0.008, 0.010), "share") == "agrees"
    assert verdict_of(10, Estimate(12, 11.5, 12.5), "s") == "near"
    assert verdict_of(10, Estimate(14, 13, 15), "s") == "differs"
    assert verdict_of(10, Estimate(float("nan")), "s") == "unknown"


def test_sessions_are_recovered() -> None:
    log = requests_log(scenario(AGENTS))
    fitted = fit_log(log, QUICK)
    (stream,) = fitted.streams
    found = stream.session
    assert found is not None
    assert found.closed_share == 1
    assert found.keep_output
    assert found.grow.value == pytest.approx(300, abs=2)
    assert found.steps.log["p50"] == pytest.approx(6, abs=1)
    assert found.think.values["median"].value == pytest.approx(4000, rel=0.1)
    assert found.think.values["p95"].value == pytest.approx(12_000, rel=0.15)
    assert stream.chosen.values["rate"].holds(0.5)
    assert stream.input.values["median"].holds(2000)
    plain = fit_log(log, Options(replications=2, sessions=False))
    assert plain.streams[0].session is None


def test_unknown_models_are_stood_for_and_said() -> None:
    _, log = planned(one_stream("{poisson: {rate: 30/min}}", duration="30m"))
    fitted = fit_log(Log(**{**vars(log), "models": ("",)}), Options(replications=2, model="gpt-4.1"))
    assert fitted.loaded.scenario.teams["only"].workload[0].model == "gpt-4.1"
    assert any("gpt-4.1 stands for it" in note for note in fitted.notes)
    assert not has_history(log)
    other = fit_log(Log(**{**vars(log), "models": ("house-model",)}), Options(replications=2))
    assert other.loaded.scenario.models["house-model"].like == "claude-sonnet-4-5"


def written(folder: Path) -> Path:
    """A small log in a file, with statuses and times."""
    log = requests_log(scenario(LADDER, duration="20m", drain="5m"))
    lines = ["t,i,o,who,m,s,ms"]
    for row in range(len(log)):
        lines.append(",".join(str(each) for each in (
            (log.origin_ns + log["start"][row]) // 10**6, log["input"][row], log["output"][row],
            log.teams[log["team"][row]], log.models[log["model"][row]], log["status"][row],
            log["duration"][row] // 10**6)))  # fmt: skip
    (folder / "log.csv").write_text("\n".join(lines) + "\n")
    return folder / "log.csv"


COLUMNS = "timestamp=t,input_tokens=i,output_tokens=o,team=who,model=m,status=s,duration_ms=ms,unit=ms"


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, out = written(tmp_path), tmp_path / "out"
    command = ["fit", str(log), "--out", str(out), "--columns", COLUMNS, "--replications", "3", "--json", "--quiet",
               "--limits", "requests=60/min,burst=20"]  # fmt: skip
    assert main(command) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((out / "fit.json").read_text())
    assert told["teams"] == ["analytics", "checkout"]
    assert told["history"]["inferred"] is False
    assert told["history"]["limits"] == "{isolation: shared, limits: [{requests: {rate: 60/min}, burst: 20}]}"
    names = {path.name for path in out.iterdir()}
    assert {"scenario.yaml", "fit.json", "manifest.json", "report.html", "report.md", "figures"} == names
    page = (out / "report.html").read_text()
    assert "Against history" in page
    assert str(tmp_path) not in (out / "scenario.yaml").read_text()
    assert (
        main(["run", str(out / "scenario.yaml"), "--out", str(tmp_path / "run"), "--replications", "1", "--quiet"]) == 0
    )
    assert main(["report", str(out)]) == 0
    assert (out / "report.html").read_text() == page


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["nothing.csv"], "nothing.csv"),
        (["{folder}"], "this folder has no requests.parquet"),
        (["{log}", "--limits", "request=60/min"], "did you mean 'requests'?"),
        (["{log}", "--limits", "requests=60"], "--limits requests"),
        (["{log}", "--limits", "requests=60/min,requests=9/min"], "given twice"),
        (["{log}", "--model", "claude-sonet-4-5"], "did you mean 'claude-sonnet-4-5'?"),
        (["{log}", "--name", "a b"], "not a name of a scenario"),
        (["{log}", "--configuration", "shared"], "--scenario FILE"),
        (["{log}", "--scenario", "noisy-neighbour", "--configuration", "sharde"], "did you mean"),
        (["{log}", "--scenario", "noisy-neighbour", "--limits", "requests=60/min"], "keep one of the two"),
    ],
)
def test_bad_input_ends_with_2_and_leaves_nothing(
    flags: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log.csv").write_text("t,i,o\n1,2,3\n")
    words = [each.format(log=tmp_path / "log.csv", folder=tmp_path) for each in flags]
    assert main(["fit", *words, "--out", str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_password_of_a_database_is_written_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, log = planned(one_stream("{poisson: {rate: 30/min}}", duration="20m"))
    address = "postgresql://reader:hunter2@127.0.0.1/litellm"

    @contextlib.contextmanager
    def opened(*_: object) -> Iterator[Log]:
        yield log

    monkeypatch.setattr("sim.study.fitting.run.opened", opened)
    assert main(["fit", address, "--out", str(tmp_path / "out"), "--replications", "2", "--quiet"]) == 0
    for path in (tmp_path / "out").rglob("*.*"):
        assert "hunter2" not in path.read_text()
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["scenario"]["name"] == "database-fitted"


def test_from_python(tmp_path: Path) -> None:
    _, log = planned(one_stream("{gamma: {rate: 30/min, cv: 2}}", duration="30m"))
    study = sim.fit(log, options=QUICK)
    assert study.directory is None
    assert study.summary["streams"][0]["team"] == "only"
    assert study.fitted.loaded.scenario.name == "fitted"
    assert study.frame("refusals")["log"].between(0, 1).all()
    page = study.write(tmp_path / "kept")
    assert (tmp_path / "kept" / "scenario.yaml").read_text() == study.fitted.text
    assert "scenario.yaml" in page.read_text()
    assert sim.read(tmp_path / "kept").headline == study.headline
    csv = written(tmp_path)
    with pytest.raises(BadInput, match="no such log"):
        sim.fit(tmp_path / "missing")
    assert csv.exists()
