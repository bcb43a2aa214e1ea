"""The files for plain `locust -f`: what they say when something is missing, and that they run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

if find_spec("locust") is None:  # importing it would patch this process
    pytest.skip("the extra `live` is not installed", allow_module_level=True)
pytest.importorskip("uvicorn", reason="the extra `serve` is not installed")

from sim.live import control
from sim.live.options import check_owned, named, order_from
from sim.live.waves import waves
from sim.results.store import read
from tests.live.serving import CALM, emulator

FILES = Path(__file__).parents[2] / "locustfiles"
SPEED = "20"


def locust(name: str, *options: str, **more: str) -> subprocess.CompletedProcess[str]:
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("KEYSTORM_", "LOCUST_"))}
    command = [sys.executable, "-m", "locust", "-f", str(FILES / name), "--headless", *options]
    return subprocess.run(command, env={**plain, **more}, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("locust")
    path = folder / "calm.yaml"
    path.write_text(CALM, "utf-8")
    with emulator(path, "roomy", folder / "serve", SPEED) as told:
        yield path, told


@pytest.mark.parametrize("name", ["replay.py", "team_mix.py"])
def test_what_is_missing_is_told(name: str) -> None:
    found = locust(name, "-u", "1")
    assert found.returncode == 2
    assert "--scenario: which scenario?" in found.stderr and "hint: --scenario" in found.stderr
    assert "Traceback" not in found.stderr


def test_the_replay_writes_its_tables_and_says_its_gates(served: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    path, told = served
    found = locust(
        "thundering_herd.py", "-u", "1", "--speed", SPEED, "--keystorm-out", str(tmp_path / "out"),
        LOCUST_HOST=told["anthropic_base_url"], KEYSTORM_SCENARIO=str(path),
    )  # fmt: skip
    assert found.returncode in (0, 1, 98), found.stderr  # 1 is Locust's own word for requests that failed
    assert "rows_sent" in found.stderr and "attempts by virtual second" in found.stderr
    requests, attempts = read(tmp_path / "out")
    assert len(requests) > 400 and len(attempts) >= len(requests) * 0.9
    assert {one.name for one in (tmp_path / "out").iterdir()} == {"requests.parquet", "attempts.parquet", "live.json"}


def test_fewer_users_than_processes_are_refused(served: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    path, told = served
    found = locust(
        "replay.py", "-u", "1", "--processes", "2", "--speed", SPEED, "--scenario", str(path),
        "--host", told["anthropic_base_url"], "--keystorm-out", str(tmp_path),
    )  # fmt: skip
    assert found.returncode == 98
    assert "2 processes need 2 users, and there are 1: add -u 2" in found.stderr


def test_the_mix_has_a_class_a_team_with_the_scenarios_weights(served: tuple[Path, dict[str, Any]]) -> None:
    path, told = served
    found = locust(
        "team_mix.py", "-u", "8", "-r", "8", "-t", "4s", "--speed", SPEED, "--scenario", str(path), "--think", "0.1",
        "--host", told["openai_base_url"], "--api", "openai", "--only-summary",
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    lines = [line.split() for line in (found.stdout + found.stderr).splitlines() if "%)" in line]
    counts = {words[1]: int(words[2]) for words in lines if words[0] == "POST"}
    assert set(counts) == {"batch", "shop"}
    assert counts["batch"] > counts["shop"] > 0, "batch sends more than two of three requests"


def test_a_target_elsewhere_needs_its_owners_word() -> None:
    check_owned("http://127.0.0.1:8047", {})
    check_owned("http://localhost", {})
    check_owned("https://gateway.example.com", {"KEYSTORM_I_OWN_THIS_TARGET": "1"})
    with pytest.raises(Exception, match="not on this machine"):
        check_owned("https://gateway.example.com", {})
    with pytest.raises(Exception, match="not on this machine"):
        check_owned("http://192.0.2.7:80", {"KEYSTORM_I_OWN_THIS_TARGET": "yes"})


class Said:
    scenario, configuration, api, speed, replication, sse = "noisy-neighbour", "", "anthropic", "1", 0, False


def test_a_host_where_nobody_listens_is_told() -> None:
    with pytest.raises(control.Silent, match="nothing answers there"):
        order_from(Said(), "http://127.0.0.1:9", {})


def test_keys_of_other_targets_are_in_the_environment(served: tuple[Path, dict[str, Any]]) -> None:
    from tests.live.serving import order_for

    path, told = served
    order = order_for(path, "spent", told, SPEED)
    own = {f"KEYSTORM_KEY_SHARED_{team}" for team in ("BATCH", "SHOP")}
    found = named(order, {})
    assert len(found) == 2 and all(name.startswith("KEYSTORM_KEY_") for name in found.values()), own
    assert set(named(order, {"ANTHROPIC_API_KEY": "x"}).values()) == {"ANTHROPIC_API_KEY"}


def test_waves_count_attempts_by_second() -> None:
    attempts = pd.DataFrame({"at_ns": [0, 999_999_999, 3_000_000_000], "status": [200, 429, 200]})
    assert waves(attempts) == [(0, 2, 1), (3, 1, 1)]
