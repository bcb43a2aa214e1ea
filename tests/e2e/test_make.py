"""What `make` says and ends with, seen with programs that stand in for Python and for keystorm."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")


def make(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *map(str, words)], cwd=ROOT, capture_output=True, text=True, timeout=60)


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def environment(folder: Path, keystorm: str) -> Path:
    """A set-up that make takes for finished, with a keystorm of our own."""
    program(folder / "bin" / "keystorm", keystorm)
    (folder / ".installed").touch()
    return folder


@pytest.mark.parametrize(
    ("code", "result", "told"), [(0, 0, ""), (99, 0, "objective of the scenario is missed"), (2, 2, ""), (98, 2, "")]
)
def test_a_missed_objective_is_a_result_and_everything_else_an_error(
    tmp_path: Path, code: int, result: int, told: str
) -> None:
    venv = environment(tmp_path, f'echo "called with $*"; exit {code}')
    done = make("compare", f"VENV={venv}", "SCENARIO=some.yaml", "ARGS=--quiet")
    assert "called with compare some.yaml --quiet" in done.stdout
    assert done.returncode == result
    assert told in done.stdout


def test_the_gateway_is_compared_through_an_environment_of_its_own(tmp_path: Path) -> None:
    venv, other = environment(tmp_path / "one", 'echo "called with $*"; exit 98'), tmp_path / "other"
    environment(other, "")
    done = make("live-litellm", f"VENV={venv}", f"LITELLM={other}", "SCENARIO=some.yaml", "ARGS=--quiet")
    words = f"gateway some.yaml --configuration shared --configuration projects --litellm {other}/bin/litellm --quiet"
    assert f"called with {words}" in done.stdout
    assert done.returncode == 2, "what the proxy did not do is an error"


def test_the_default_scenario_exists(tmp_path: Path) -> None:
    done = make("compare", f"VENV={environment(tmp_path, 'echo $2')}")
    assert (ROOT / done.stdout.strip()).is_file()


@pytest.mark.parametrize(
    ("python", "told"),
    [
        ('case "$1" in --version) echo Python 3.9.1;; *) exit 1;; esac', "needs Python 3.11 or newer"),
        ('case "$2" in *venv*) exit 1;; esac', "can't make virtual environments"),
    ],
)
def test_a_python_that_will_not_do_is_told(tmp_path: Path, python: str, told: str) -> None:
    stand_in = program(tmp_path / "python", python)
    done = make("setup", f"VENV={tmp_path / 'venv'}", f"PYTHON={stand_in}")
    assert done.returncode == 2
    assert told in done.stdout
    assert not (tmp_path / "venv").exists()


def test_no_python_at_all_is_told(tmp_path: Path) -> None:
    done = make("setup", f"VENV={tmp_path / 'venv'}", f"PYTHON={tmp_path / 'none'}")
    assert done.returncode == 2
    assert "There is no" in done.stdout


def test_help_lists_every_target_and_is_the_default() -> None:
    told = make().stdout
    assert told == make("help").stdout
    targets = "setup compare test check bench golden docs samples live-litellm constraints clean"
    for target in targets.split():
        assert f"make {target} " in told
