"""The command: arguments → calls. Studies themselves are tested elsewhere; here they are replaced."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.cli import console, directory
from sim.cli.main import COMMANDS, main, parser
from sim.errors import BadInput, BadScenario, KeystormError, Problem, RunInvalid, SloMissed
from sim.study import naming

ROOT = Path(__file__).parents[2]
SMALL = """\
name: small
question: Does it run?
duration: 10m
replications: 2
teams:
  a: {workload: [{arrivals: {poisson: {rate: 6/min}}, model: claude-sonnet-4-5, input_tokens: 10, output_tokens: 10}]}
configurations:
  shared: {isolation: shared, limits: {requests: 60/min}}
  keys: {isolation: keys, limits: {requests: 60/min}}
"""


@dataclass
class Fake:
    """Stands in for ``sim.study.compare.compare``: keeps what it was given, gives back a study."""

    missed: list[dict[str, Any]] = field(default_factory=list)
    raises: BaseException | None = None
    calls: list[tuple[Any, Any]] = field(default_factory=list)

    def __call__(self, loaded: Any, options: Any, progress: Any) -> Any:
        self.calls.append((loaded, options))
        progress.start("running", 1)
        if self.raises is not None:
            raise self.raises
        progress.advance()

        @dataclass
        class Study:
            summary: dict[str, Any]
            directory: Path | None
            missed: list[dict[str, Any]]
            requests: None = None
            attempts: None = None

        return Study({"scenario": {"name": "small"}}, options.out, self.missed)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory with a small scenario in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(SMALL)
    return tmp_path


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> Fake:
    fake = Fake()
    monkeypatch.setattr("sim.study.compare.compare", fake)
    monkeypatch.setattr("sim.report.terminal.text", lambda summary: f"answer for {summary['scenario']['name']}")
    return fake


Captured = Callable[[], Any]


def test_help_meets_no_heavy_import() -> None:
    heavy = "numpy pandas matplotlib numba scipy pyarrow pydantic yaml jinja2 rich simpy"
    code = (
        f"import sys, sim.cli.main as m; m.main(['--help']); print([n for n in '{heavy}'.split() if n in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert told.splitlines()[-1] == "[]"
    assert all(command.NAME in told for command in COMMANDS)


def test_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"keystorm {sim.__version__}\n"


def test_where_the_runs_happen_reaches_the_study(here: Path, study: Fake) -> None:
    main(["compare", "small.yaml"])
    main(["run", "small.yaml", "--executor", "dask://10.0.0.1:8786", "--workers", "3"])
    assert [(options.executor, options.workers) for _, options in study.calls] == [
        ("threads", None), ("dask://10.0.0.1:8786", 3),
    ]  # fmt: skip


def test_an_executor_that_does_not_exist_is_bad_input(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "small.yaml", "--executor", "cloud"]) == 2
    assert "--executor: no such executor (found 'cloud')" in capsys.readouterr().err
    assert not (here / "reports").exists()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.NAME)
def test_each_command_keeps_the_contract_and_explains_itself(command: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.HELP
    assert command.HELP[0].islower()
    assert main([command.NAME, "--help"]) == 0
    assert command.HELP.split()[0] in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "required"),
        (["comparr", "x"], 'did you mean "compare"'),
        (["compare"], "SCENARIO"),
        (["compare", "x", "--replicatons", "3"], 'did you mean "--replications"'),
        (["compare", "x", "--replications", "0"], "from 1 to 100,000, found '0'"),
        (["compare", "x", "--replications", "1.5"], "found '1.5'"),
        (["compare", "x", "--replications", "²"], "found '²'"),
        (["compare", "x", "--seed", "-1"], "from 0 to 4,294,967,295, found '-1'"),
        (["compare", "x", "--engine", "fast"], "invalid choice: 'fast'"),
        (["compare", "x", "--rep", "3"], "unrecognized arguments"),
        (["run", "x", "--configuration"], "expected one argument"),
        (["zzz"], '"keystorm --help" lists'),
    ],
)
def test_a_wrong_command_line_is_told_in_words(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert told in captured.err
    assert "Traceback" not in captured.err


def test_all_flags_reach_the_study(here: Path, study: Fake) -> None:
    words = ["compare", "small.yaml", "--out", "there", "--replications", "3", "--seed", "7", "--engine", "simpy"]
    words += ["--no-counterfactual", "--gate", "keys", "--gate", "shared", "--quiet"]
    assert main(words) == 0
    ((loaded, options),) = study.calls
    assert (loaded.scenario.replications, loaded.scenario.seed) == (3, 7)
    assert (options.out, options.engine, options.counterfactual) == (Path("there"), "simpy", False)
    assert options.gate == ("keys", "shared")
    assert options.configurations is None
    assert options.command == ("keystorm", *words)


def test_defaults_are_the_scenario_and_the_compiled_engine(here: Path, study: Fake) -> None:
    assert main(["compare", "small.yaml"]) == 0
    ((loaded, options),) = study.calls
    assert (loaded.scenario.replications, loaded.scenario.seed) == (2, 1)
    assert (options.out, options.engine) == (Path("reports/small"), "compiled")
    assert (options.counterfactual, options.gate) == (True, None)


@pytest.mark.parametrize(("flags", "name"), [([], "shared"), (["--configuration", "keys"], "keys")])
def test_run_takes_one_configuration(here: Path, study: Fake, flags: list[str], name: str) -> None:
    assert main(["run", "small.yaml", *flags]) == 0
    ((_, options),) = study.calls
    assert options.configurations == (name,)
    assert options.out == Path(f"reports/small-{name}")


@pytest.mark.parametrize("flag", ["--configuration", "--gate"])
def test_an_unknown_configuration_is_bad_input(
    here: Path, study: Fake, flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "small.yaml", flag, "sharde"]) == 2
    told = capsys.readouterr().err
    assert f"{flag}: no such configuration (found 'sharde')" in told
    assert 'did you mean "shared"' in told
    assert study.calls == []


def test_an_unknown_configuration_far_from_all_lists_them(
    here: Path, study: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "small.yaml", "--configuration", "zzzzzz"]) == 2
    assert "one of: shared, keys" in capsys.readouterr().err


def test_answer_on_standard_output_and_messages_on_standard_error(
    here: Path, study: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "small.yaml"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "answer for small\n"
    assert "running\n" in captured.err
    assert "report: reports/small/report.html" in captured.err


def test_json_is_alone_on_standard_output(here: Path, study: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "small.yaml", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"scenario": {"name": "small"}}
    assert "report:" in captured.err


@pytest.mark.parametrize("flags", [["--quiet"], ["--quiet", "--json"]])
def test_quiet_says_nothing_but_what_was_asked_for(
    here: Path, study: Fake, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "small.yaml", *flags]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert bool(captured.out) == ("--json" in flags)


def test_a_missed_objective_is_told_and_ends_with_99(
    here: Path, study: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    study.missed = [{"text": "a: success_rate >= 0.99", "configuration": "shared"}]
    assert main(["compare", "small.yaml"]) == 99
    assert '1 objective is missed in "shared": exit code 99' in capsys.readouterr().err
    study.missed = [*study.missed, *study.missed, {"text": "a: gave_up <= 1", "configuration": "keys"}]
    assert main(["compare", "small.yaml"]) == 99
    assert '3 objectives are missed in "shared", "keys": exit code 99' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (BadInput("not a rate", place="x.yaml:3", value="'6/mn'", hint='as "60/min"'), 2, "x.yaml:3: not a rate"),
        (BadScenario([Problem("one", "x.yaml:1"), Problem("two", "x.yaml:2")]), 2, "2 problems in the scenario"),
        (RunInvalid("engines disagree"), 98, "engines disagree"),
        (SloMissed("missed"), 99, "missed"),
        (KeystormError("other"), 1, "other"),
        (PermissionError(13, "Permission denied", "reports"), 1, "reports: Permission denied"),
        (OSError("disk on fire"), 1, "unexpected OSError: disk on fire"),
        (ZeroDivisionError("division by zero"), 1, "This is a fault in keystorm"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (BrokenPipeError(), 141, ""),
    ],
)
def test_every_end_has_its_exit_code_and_no_traceback(
    here: Path, study: Fake, error: BaseException, code: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KEYSTORM_DEBUG", raising=False)
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    study.raises = error
    assert main(["compare", "small.yaml"]) == code
    assert told in err.getvalue()
    assert "Traceback" not in err.getvalue()
    assert out.getvalue() == ""


def test_a_traceback_is_shown_when_it_is_asked_for(
    here: Path, study: Fake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KEYSTORM_DEBUG", "1")
    study.raises = ZeroDivisionError("division by zero")
    assert main(["compare", "small.yaml"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_leaves_early_is_no_error() -> None:
    code = "import sys; from sim.cli.main import main; sys.exit(main(['schema']))"
    command = f'"{sys.executable}" -c "{code}" | head -c 1; exit "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT)
    assert done.stderr == ""
    assert done.returncode in (0, 141)


def test_control_characters_in_names_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    console.error("team \033[2Jgone")
    console.message("team \033[2Jgone")
    assert "\033" not in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "colour"),
    [
        (Terminal(), {"TERM": "xterm"}, True),
        (io.StringIO(), {"TERM": "xterm"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, False),
    ],
)
def test_colour_is_for_terminals_only(
    stream: io.StringIO, environment: dict[str, str], colour: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stderr", stream)
    console.warning("careful")
    assert ("\033[" in stream.getvalue()) == colour
    assert "careful" in stream.getvalue()


def test_a_stream_without_unicode_gets_escapes(here: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)}
    code = "from sim.cli import console; console.tolerate_any_text(); console.data('naïve ✓')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == "na\\xefve \\u2713\n"


# --- where results may go


def result_in(path: Path) -> Path:
    path.mkdir(parents=True)
    (path / "manifest.json").write_text('{"keystorm": "0.1.0"}')
    return path


def test_new_empty_and_own_directories_are_usable(tmp_path: Path) -> None:
    assert directory.usable(tmp_path / "new") == tmp_path / "new"
    (tmp_path / ".partial-17").mkdir()
    assert directory.usable(tmp_path) == tmp_path
    own = result_in(tmp_path / "own")
    assert directory.usable(own) == own


@pytest.mark.parametrize("manifest", ["", "[]", "{}", '{"name": "a web app"}', "\xff"])
def test_what_belongs_to_someone_else_is_left_alone(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "manifest.json").write_text(manifest, "latin-1")
    with pytest.raises(BadInput, match="no keystorm result"):
        directory.usable(tmp_path)


def test_a_file_is_no_directory(here: Path, study: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "small.yaml", "--out", "small.yaml"]) == 2
    assert "is a file, not a directory" in capsys.readouterr().err
    assert study.calls == []


def test_another_directory_is_refused_before_any_work(
    here: Path, study: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "small.yaml", "--out", "."]) == 2
    assert "not empty and holds no keystorm result" in capsys.readouterr().err
    assert study.calls == []


@pytest.mark.parametrize(("name", "part"), [("a/b: c", "a-b-c"), ("../..", "configuration"), ("<é>", "configuration")])
def test_any_name_becomes_a_safe_part_of_a_path(name: str, part: str) -> None:
    assert naming.slug(name) == part


# --- the small commands


def test_report_renders_a_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = result_in(tmp_path / "own")
    monkeypatch.setattr("sim.report.render.render", lambda path: path / "report.html")
    assert main(["report", str(own)]) == 0
    assert f"report: {own / 'report.html'}" in capsys.readouterr().err
    assert main(["report", str(own), "--quiet"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("name", "told"), [("nowhere", "no such directory"), (".", "holds no keystorm result")])
def test_report_says_what_is_no_result(here: Path, name: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", name]) == 2
    assert told in capsys.readouterr().err


def test_schema_is_the_same_on_standard_output_and_in_a_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    printed = capsys.readouterr().out
    assert main(["schema", "--out", "deep/schema.json"]) == 0
    assert (here / "deep" / "schema.json").read_text() == printed
    assert {"$schema", "properties"} <= set(json.loads(printed))


def test_init_writes_a_scenario_that_loads_and_overwrites_only_by_force(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from sim.scenario.loader import load

    assert main(["init"]) == 0
    written = (here / "scenario.yaml").read_text()
    assert load(here / "scenario.yaml").text == written
    (here / "scenario.yaml").write_text("mine")
    assert main(["init", "scenario.yaml"]) == 2
    assert (here / "scenario.yaml").read_text() == "mine"
    assert "--force" in capsys.readouterr().err
    assert main(["init", "--force"]) == 0
    assert (here / "scenario.yaml").read_text() == written


def test_scenarios_lists_the_library_for_people_and_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scenarios"]) == 0
    table = capsys.readouterr().out
    assert main(["scenarios", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == len(table.splitlines()) >= 8
    assert all(row["question"].endswith("?") and Path(row["path"]).is_file() for row in rows)
    assert "noisy-neighbour" in table
    marked = [line.split()[0] for line in table.splitlines() if "(long: " in line]
    assert marked == [row["name"] for row in rows if row["long"]] == ["forty-seven-services-month"]
    assert {row["name"]: row["requests"] for row in rows}[marked[0]] == 1_015_200_000


# --- the package


def test_the_package_offers_load_compare_and_run(here: Path, study: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.study.api._compare", study)
    loaded = sim.load("small.yaml")
    assert sim.compare(loaded).directory is None
    sim.run("small.yaml", seed=9, replications=1)
    sim.run(loaded, "keys")
    (_, everything), (second, first), (_, named) = study.calls
    assert everything.configurations is None
    assert (second.scenario.seed, second.scenario.replications) == (9, 1)
    assert first.configurations == ("shared",)
    assert named.configurations == ("keys",)


def test_the_package_has_no_other_surface() -> None:
    assert {"compare", "load", "run", "tune", "__version__"} <= set(dir(sim))
    with pytest.raises(AttributeError, match="no attribute 'dance'"):
        _ = sim.dance


def test_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "sim", "--version"], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout) == (0, f"keystorm {sim.__version__}\n")


def test_the_parser_knows_every_command_once() -> None:
    names = [command.NAME for command in COMMANDS]
    assert len(set(names)) == len(names)
    assert all(parser().parse_args([name, "x"]) for name in ("compare", "run", "report"))
