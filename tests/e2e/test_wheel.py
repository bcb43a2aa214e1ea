"""The built package, installed into a fresh environment at the pinned versions, used as a user would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
HOSTILE = "<script>alert(1)</script>"
SMALL = f"""\
name: small
question: Who waits when a batch shares the key?
duration: 10m
drain: 2m
replications: 3
seed: 7
teams:
  "{HOSTILE}":
    workload:
      - arrivals: {{poisson: {{rate: 6/min}}}}
        model: claude-sonnet-4-5
        input_tokens: 500
        output_tokens: 100
  batch:
    workload:
      - arrivals: {{bursts: {{rate: 60/min, on: 2m, off: 3m}}}}
        model: claude-sonnet-4-5
        input_tokens: 2000
        output_tokens: 400
configurations:
  shared: {{isolation: shared, limits: {{requests: 20/min, burst: 5}}}}
  projects: {{isolation: projects, limits: {{requests: 20/min, burst: 5}}, split: equal}}
"""
FILES = {
    "report.html", "report.md", "summary.json", "manifest.json", "requests.parquet", "attempts.parquet", "figures",
}  # fmt: skip

# One worker makes the environment and runs what needs it.
pytestmark = [pytest.mark.install, pytest.mark.slow]


def run(words: list[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in ``folder`` without anything of this checkout on its path."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))}
    return subprocess.run(
        list(map(str, words)), cwd=folder, env=environment, capture_output=True, text=True, timeout=600
    )


def succeed(words: list[str | Path], folder: Path) -> str:
    done = run(words, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, and the wheel that is built from the sdist alone."""
    folder = tmp_path_factory.mktemp("dist")
    succeed([sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT], folder)
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command, in an environment that holds the wheel and what it depends on without extras, nothing else.

    Dependencies are those of this environment, which has them at their pinned versions, linked one by one.
    """
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=True)
    python, (wheel,) = folder / "bin" / "python", built.glob("*.whl")
    succeed([python, "-m", "pip", "-q", "--disable-pip-version-check", "install", "--no-deps", wheel], folder)
    (site,) = folder.glob("lib/python*/site-packages")
    for name in needed(metadata.Distribution.at(next(site.glob("keystorm-*.dist-info")))):
        link(metadata.distribution(name), site)
    return folder / "bin" / "keystorm"


def needed(one: metadata.Distribution) -> set[str]:
    """The names of all that a distribution depends on, directly or not, without extras."""
    found: set[str] = set()
    waiting = [(one, frozenset[str]())]
    while waiting:
        by, extras = waiting.pop()
        for asked in map(Requirement, by.requires or ()):
            applies = asked.marker is None or any(asked.marker.evaluate({"extra": extra}) for extra in ("", *extras))
            if applies and asked.name not in found:
                found.add(asked.name)
                waiting.append((metadata.distribution(asked.name), frozenset(asked.extras)))
    return found


def link(one: metadata.Distribution, site: Path) -> None:
    """Make the modules of an installed distribution visible in another environment."""
    for top in {file.parts[0] for file in one.files or ()} - {"..", "__pycache__"}:
        place = site / top
        if not place.exists():
            place.symlink_to(Path(str(one.locate_file(top))))


@pytest.fixture(scope="module")
def compared(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a small comparison was run."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "small.yaml").write_text(SMALL)
    told = succeed([installed, "compare", "small.yaml", "--json"], folder)
    (folder / "told.json").write_text(told)
    return folder


def test_the_wheel_holds_the_package_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    wanted = {
        "sim/py.typed", "sim/_scenarios/noisy-neighbour.yaml", "sim/scenario/starter.yaml", "sim/catalogue/models.yaml",
    }  # fmt: skip
    assert wanted <= set(names)
    assert any(name.startswith("sim/report/templates/") for name in names)
    assert all(name.startswith(("sim/", "keystorm-")) for name in names)
    assert not any("__pycache__" in name for name in names)


def test_every_scenario_and_data_file_of_the_checkout_is_in_the_wheel(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    scenarios = {f"sim/_scenarios/{path.name}" for path in (ROOT / "scenarios").glob("*.yaml")}
    data = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "sim").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }
    assert scenarios | data <= names


def test_the_sdist_can_be_tested_and_holds_no_results(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "LICENSE", "README.md", "constraints.txt", "Makefile", "tests/e2e/test_wheel.py"} <= names
    assert not any(name.startswith((".venv", "reports/noisy")) for name in names)


def test_scenarios_come_with_the_package(installed: Path, tmp_path: Path) -> None:
    rows = json.loads(succeed([installed, "scenarios", "--json"], tmp_path))
    assert {path.stem for path in (ROOT / "scenarios").glob("*.yaml")} == {row["name"] for row in rows}
    assert all(str(ROOT) not in row["path"] for row in rows)
    assert "noisy-neighbour" in succeed([installed, "scenarios"], tmp_path)


def test_schema_accepts_what_init_writes(installed: Path, tmp_path: Path) -> None:
    import jsonschema

    from sim.scenario.yaml_lines import read

    succeed([installed, "init", "mine.yaml"], tmp_path)
    schema = json.loads(succeed([installed, "schema"], tmp_path))
    jsonschema.validate(read((tmp_path / "mine.yaml").read_text(), "mine.yaml").data, schema)
    again = run([installed, "init", "mine.yaml"], tmp_path)
    assert again.returncode == 2
    assert "--force" in again.stderr


def test_compare_writes_everything_and_prints_the_summary(compared: Path) -> None:
    result = compared / "reports" / "small"
    assert FILES <= {path.name for path in result.iterdir()}
    assert not [path.name for path in result.iterdir() if path.name.startswith(".")]
    summary = json.loads((result / "summary.json").read_text())
    assert json.loads((compared / "told.json").read_text()) == summary
    assert summary["checks"]["rows_planned"] == summary["checks"]["rows_reported"] > 0
    manifest = json.loads((result / "manifest.json").read_text())
    assert manifest["command"] == ["keystorm", "compare", "small.yaml", "--json"]


def test_isolation_helps_the_small_team_in_the_numbers_of_the_summary(compared: Path) -> None:
    configurations = json.loads((compared / "told.json").read_text())["configurations"]
    shared, projects = (configurations[name]["teams"][HOSTILE]["success_rate"]["mean"] for name in configurations)
    assert 0 <= shared < projects <= 1


def test_a_hostile_team_name_is_text_in_the_page(compared: Path) -> None:
    page = (compared / "reports" / "small" / "report.html").read_text()
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_page_asks_for_nothing_from_outside(compared: Path) -> None:
    page = (compared / "reports" / "small" / "report.html").read_text()
    assert 'src="http' not in page
    assert "@import" not in page
    assert '<link rel="stylesheet"' not in page


def test_the_same_command_gives_the_same_numbers(installed: Path, compared: Path) -> None:
    again = succeed([installed, "compare", "small.yaml", "--json", "--quiet", "--out", "again"], compared)
    assert again == (compared / "told.json").read_text()


def test_another_engine_gives_the_same_numbers(installed: Path, compared: Path) -> None:
    words: list[str | Path] = [installed, "compare", "small.yaml", "--json", "--quiet", "--engine", "simpy"]
    other = json.loads(succeed([*words, "--out", "simpy"], compared))
    first = json.loads((compared / "told.json").read_text())
    assert other["configurations"] == first["configurations"]
    assert other["checks"]["digest"] == first["checks"]["digest"]


def test_run_takes_one_configuration(installed: Path, compared: Path) -> None:
    words: list[str | Path] = [installed, "run", "small.yaml", "--configuration", "projects", "--no-counterfactual"]
    told = succeed([*words, "--out", "one"], compared)
    summary = json.loads((compared / "one" / "summary.json").read_text())
    assert list(summary["configurations"]) == ["projects"]
    assert "batch" in told


def test_report_renders_again_without_running(installed: Path, compared: Path) -> None:
    result = compared / "reports" / "small"
    before = (result / "report.html").read_text()
    (result / "report.html").unlink()
    succeed([installed, "report", result], compared)
    assert (result / "report.html").read_text() == before


def test_a_missed_objective_ends_with_99_unless_the_gate_is_elsewhere(installed: Path, compared: Path) -> None:
    slo = f'slos:\n  - "{HOSTILE}": latency_p95_s >= 1000\n'
    (compared / "strict.yaml").write_text(SMALL.replace("name: small", "name: strict") + slo)
    done = run([installed, "compare", "strict.yaml", "--replications", "2", "--no-counterfactual"], compared)
    assert done.returncode == 99
    assert 'missed in "shared", "projects"' in done.stderr
    assert (compared / "reports" / "strict" / "report.html").is_file()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["compare", "nowhere.yaml"], "nowhere.yaml"),
        (["compare", "noisy-neighbor"], "noisy-neighbour"),
        (["compare", "bad.yaml"], "bad.yaml:"),
        (["compare", "."], "error"),
        (["compare", "small.yaml", "--out", "."], "holds no keystorm result"),
        (["compare", "small.yaml", "--gate", "sharde"], 'did you mean "shared"'),
        (["run", "small.yaml", "--configuration", "nope"], "no such configuration"),
        (["report", "."], "holds no keystorm result"),
        (["frobnicate"], "invalid choice"),
    ],
)
def test_bad_input_ends_with_2_and_words(installed: Path, compared: Path, words: list[str], told: str) -> None:
    (compared / "bad.yaml").write_text(SMALL.replace("6/min", "6/mn").replace("split: equal", "split: evenly"))
    done = run([installed, *words], compared)
    assert done.returncode == 2, done.stdout + done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_an_interrupt_leaves_no_half_written_file(installed: Path, compared: Path) -> None:
    import signal

    words = [installed, "compare", "small.yaml", "--replications", "100000", "--engine", "simpy", "--out", "cut"]
    process = subprocess.Popen(
        list(map(str, words)), cwd=compared, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        first = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    finally:
        process.kill()
    assert first
    assert process.returncode == 130
    assert "Traceback" not in told
    assert not (compared / "cut").exists() or list((compared / "cut").iterdir()) == []
