"""Where machine code is kept, and that it is made where nothing of the user's can be written."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import sim
from sim.engine import kernel_source
from sim.engine.kernel_source import COUNTING, LOOP, cache_root, is_warm, kernel_name

# These compile the kernel: on one worker, beside what else does.
pytestmark = pytest.mark.xdist_group("kernel")
SCENARIO = """\
name: read-only
duration: 2m
replications: 1
teams:
  a: {workload: [{arrivals: {poisson: {rate: 60/min}}, model: gpt-4.1, input_tokens: 10, output_tokens: 10}]}
configurations:
  shared: {isolation: shared, limits: {requests: 30/min}}
"""
COMMAND = "import sys; from sim.cli.main import main; raise SystemExit(main(sys.argv[1:]))"


@pytest.fixture
def homeless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home that not even root can write to, because it is a file; the folder for temporary files."""
    (tmp_path / "home").write_text("")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    for name in ("KEYSTORM_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tempfile, "tempdir", None)
    kernel_source._temporary_root.cache_clear()
    yield tmp_path / "temporary"
    kernel_source._temporary_root.cache_clear()


def test_the_cache_is_where_it_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KEYSTORM_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert cache_root() == tmp_path / "caches" / "keystorm"
    monkeypatch.setenv("KEYSTORM_CACHE", str(tmp_path / "mine"))
    assert cache_root() == tmp_path / "mine"


def test_without_a_home_the_cache_is_in_a_private_temporary_folder(homeless: Path) -> None:
    root = cache_root()
    assert root == cache_root() == homeless / f"keystorm-{os.getuid()}"
    assert stat.S_IMODE(root.stat().st_mode) == 0o700


@pytest.mark.parametrize("kind", ["open", "link"])
def test_a_temporary_folder_that_others_can_write_to_is_not_used(kind: str, homeless: Path, tmp_path: Path) -> None:
    theirs = homeless / f"keystorm-{os.getuid()}"
    if kind == "open":
        theirs.mkdir()
        theirs.chmod(0o777)
    else:
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        theirs.symlink_to(tmp_path / "elsewhere")
    root = cache_root()
    assert root != theirs
    assert root == cache_root()
    assert stat.S_IMODE(root.stat().st_mode) == 0o700


def test_each_part_is_warm_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYSTORM_CACHE", str(tmp_path))
    folder = tmp_path / kernel_name() / "__pycache__"
    folder.mkdir(parents=True)
    assert not is_warm()
    (folder / "sim_engine_loop.run-1.py311.1.nbc").touch()
    assert not is_warm(), "half of it is missing"
    (folder / "sim_engine_ending.close-1.py311.1.nbc").touch()
    assert is_warm(LOOP)
    assert not is_warm(COUNTING)


def files(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.slow
def test_a_package_that_is_read_only_compiles_once_all_the_same(homeless: Path, tmp_path: Path) -> None:
    package = tmp_path / "installed" / "sim"
    shutil.copytree(Path(sim.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    for path in [package, *package.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    (tmp_path / "s.yaml").write_text(SCENARIO)
    before = files(package)
    said = [run(tmp_path, package.parent) for _ in range(2)]
    assert files(package) == before
    assert f"compiling the engine once, into {homeless}" in said[0]
    assert "compiling" not in said[1]
    assert list(homeless.glob("keystorm-*/*/__pycache__/*.nbc"))
    for path in [package, *package.rglob("*")]:  # or pytest could not remove it
        path.chmod(0o755)


def run(folder: Path, path: Path) -> str:
    """Compare from a copy of the package; what it says on standard error."""
    words = [sys.executable, "-B", "-c", COMMAND, "compare", "s.yaml", "--out", "result"]
    told = subprocess.run(
        words, cwd=folder, env={**os.environ, "PYTHONPATH": str(path)}, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    return told.stderr
