"""No secret is in anything that a live run writes or prints: every byte is searched, runs that go wrong included."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("uvicorn", reason="the extra `serve` is not installed")
if find_spec("locust") is None:  # looked for, not imported: it patches the whole process
    pytest.skip("the extra `live` is not installed", allow_module_level=True)

from sim.cli.main import main
from tests.emulator.server import Served, serving

SCENARIO = """
name: desk
duration: 3s
drain: 2s
seed: 8
teams:
  shop: {workload: {arrivals: {poisson: {rate: 10/s}}, model: fast, input_tokens: 90, output_tokens: 9}}
  batch:
    workload: {arrivals: {herd: {size: 8, at: 1s}}, model: fast, input_tokens: 90, output_tokens: 9}
    client: {retry: none}
models: {fast: {like: claude-sonnet-4-5, first_token: 50ms, per_token: 1ms}}
configurations:
  projects: {isolation: projects, split: equal, limits: {requests: 600/min, burst: 6}}
"""
VARIABLES = {"shop": "KEYSTORM_KEY_SHARED_SHOP", "batch": "KEYSTORM_KEY_SHARED_BATCH"}
PIECE = 12
"""So many characters of a secret in a row give too much of it away."""


def keystorm(folder: Path, secrets: Mapping[str, str], *arguments: str) -> tuple[int, bytes]:
    """The command in a process of its own: its exit code, and all that it printed."""
    environment = {**os.environ, **secrets, "PYTHONPATH": str(Path(__file__).parents[2])}
    ended = subprocess.run(
        [sys.executable, "-m", "sim", "live", "desk.yaml", *arguments], cwd=folder, env=environment,
        capture_output=True, check=False, timeout=180,
    )  # fmt: skip
    return ended.returncode, ended.stdout + ended.stderr


def search(folder: Path, printed: bytes, secrets: Mapping[str, str]) -> list[str]:
    """Where a piece of a secret is found: among what was printed, or in a file."""
    places = {"printed": printed}
    places |= {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    pieces = {secret[at : at + PIECE].encode() for secret in secrets.values() for at in range(len(secret) - PIECE + 1)}
    return [place for place, data in places.items() if any(piece in data for piece in pieces)]


def known_to(served: Served) -> dict[str, str]:
    """Secrets that the target accepts. Keys of the emulator tell their project: only the end is secret."""
    return {variable: served.secret(project) for project, variable in VARIABLES.items()}


def endings(secrets: Mapping[str, str]) -> dict[str, str]:
    """The parts of the emulator's secrets that are secret: ``ks-test-shared-shop`` is a name."""
    return {name: secret.rpartition("-")[2] for name, secret in secrets.items()}


def test_nothing_that_a_run_writes_or_prints_has_a_secret_in_it(tmp_path: Path) -> None:
    (tmp_path / "desk.yaml").write_text(SCENARIO, "utf-8")
    (tmp_path / "gateway").mkdir()
    with serving(tmp_path / "gateway", SCENARIO, "projects") as served:
        secrets = known_to(served)
        flags = ["--workers", "2", "--api", "openai", "--json"]
        code, printed = keystorm(tmp_path, secrets, "--target", served.url, "--out", "out", *flags)
        assert code in (0, 98, 99), printed.decode("utf-8", "replace")
        assert len(served.rows()) > 30, "it was sent, with these keys"
        assert {row["status"] for row in served.rows()} >= {200, 429}
    assert (tmp_path / "out" / "report.html").exists()
    assert b'"fingerprint"' in (tmp_path / "out" / "live.json").read_bytes(), "keys are told apart by fingerprints"
    assert search(tmp_path, printed, endings(secrets)) == []


def test_nor_has_what_goes_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    (tmp_path / "desk.yaml").write_text(SCENARIO, "utf-8")
    (tmp_path / "gateway").mkdir()
    monkeypatch.chdir(tmp_path)
    wrong = {
        VARIABLES["shop"]: "sk-ant-marked-0123456789abcdef", VARIABLES["batch"]: "sk-proj-marked-fedcba9876543210",
    }  # fmt: skip
    for name, secret in wrong.items():
        monkeypatch.setenv(name, secret)
    marked = wrong[VARIABLES["shop"]]
    with serving(tmp_path / "gateway", SCENARIO, "projects") as served:
        for arguments in (
            ["--target", served.url], ["--target", served.url, "--api", "openai"], ["--target", "http://127.0.0.1:9"],
            ["--target", f"http://{marked}@127.0.0.1:9"], ["--target", f"http://127.0.0.1:9/v1?key={marked}"],
        ):  # fmt: skip
            assert main(["live", "desk.yaml", *arguments]) == 2
        monkeypatch.setenv(VARIABLES["shop"], f"{marked} with-a-space")
        assert main(["live", "desk.yaml", "--target", served.url]) == 2
    told = capfd.readouterr()
    printed = (told.out + told.err).encode()
    assert b"is not accepted: 401" in printed
    assert search(tmp_path, printed, wrong) == []


def test_the_search_would_find_one(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("authorization: Bearer sk-ant-marked-0123456789abcdef\n", "utf-8")
    assert search(tmp_path, b"", {"x": "sk-ant-marked-0123456789abcdef"}) == ["log"]
    assert search(tmp_path, b"...0123456789abcdef", {"x": "sk-ant-marked-0123456789abcdef"}) == ["printed", "log"]
