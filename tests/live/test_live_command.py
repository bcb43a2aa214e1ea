"""``keystorm live`` as a user calls it, with the simulator standing for the replayer."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("uvicorn", reason="the extra `serve` is not installed")

from sim.cli.main import main
from sim.live.order import LiveOrder, read_order
from sim.live.secrets import fingerprint
from sim.report.together import draw_charts
from sim.results.store import read
from sim.study.live.emulator import Emulator, emulator
from sim.units import MS
from tests.emulator.server import serving
from tests.live.sender import Sender

SCENARIO = """
name: desk
question: Who waits for whom?
duration: 2m
warmup: 10s
drain: 30s
seed: 8
teams:
  shop: {workload: {arrivals: {poisson: {rate: 60/min}}, model: fast, input_tokens: 900, output_tokens: 90}}
  batch:
    workload: {arrivals: {poisson: {rate: 60/min}}, model: fast, input_tokens: 900, output_tokens: 90}
    client: {retry: none}
models: {fast: {like: claude-sonnet-4-5, first_token: 100ms, per_token: 1ms}}
configurations:
  projects: {isolation: projects, split: equal, limits: {requests: 90/min, burst: 9}}
  shared: {isolation: shared, limits: {requests: 90/min, burst: 9}}
chaos:
  - storm: {status: 503, at: 30s, for: 10s, probability: 50%}
  - runaway_job: {team: batch, at: 60s, for: 10s, rate: 60/min}
"""
MARKED = {
    "KEYSTORM_KEY_SHARED_SHOP": "sk-marked-shop-0123456789",
    "KEYSTORM_KEY_SHARED_BATCH": "sk-marked-batch-987654321",
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the scenario in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "desk.yaml").write_text(SCENARIO, "utf-8")
    return tmp_path


@pytest.fixture
def sender(monkeypatch: pytest.MonkeyPatch) -> Sender:
    """Stands for the replayer, and a name for the emulator; figures, which take long, are not drawn."""
    found = Sender()
    monkeypatch.setattr("sim.live.run.run_live", found)
    monkeypatch.setattr("sim.report.live_report.draw_charts", lambda found: [])

    @contextmanager
    def named(scenario: str, configuration: str, folder: Path, **more: Any) -> Iterator[Emulator]:
        keys = ["shared/shop/default", "shared/batch/default", "shared/default/default"]
        yield Emulator("http://127.0.0.1:1", 0, dict.fromkeys(keys, "ks-test-secret"))

    monkeypatch.setattr("sim.study.live.run.emulator", named)
    return found


def everything_written(folder: Path) -> bytes:
    """All bytes of all files."""
    return b"\0".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.mark.usefixtures("sender")
def test_a_run_leaves_what_a_simulation_leaves_and_how_it_went(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.report.live_report.draw_charts", draw_charts)
    assert main(["live", "desk.yaml"]) == 0
    out = here / "reports" / "live-desk-projects"
    assert {path.name for path in out.iterdir()} == {
        "requests.parquet", "attempts.parquet", "summary.json", "live.json", "manifest.json", "report.html",
        "report.md", "teams.csv", "figures",
    }  # fmt: skip
    requests, attempts = read(out)
    summary = json.loads((out / "summary.json").read_text("utf-8"))
    assert len(requests) == summary["checks"]["rows_planned"] == summary["checks"]["rows_reported"] > 200
    assert len(attempts) == requests["attempts"].sum()
    assert (summary["engine"], summary["replications"], summary["live"]["valid"]) == ("live", 1, True)
    assert [gate["name"] for gate in summary["live"]["gates"]][:2] == ["rows_sent", "workers_complete"]
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    assert (manifest["kind"], manifest["command"][:2]) == ("live", ["keystorm", "live"])
    page = (out / "report.html").read_text("utf-8")
    assert "Did the run keep its schedule?" in page
    assert "What each team gets" in page
    (out / "report.html").unlink()
    assert main(["report", str(out), "--quiet"]) == 0
    assert (out / "report.html").read_text("utf-8") == page


def test_the_order_says_where_and_which_variables_and_no_secret(here: Path, sender: Sender) -> None:
    flags = "--configuration projects --api openai --speed 10 --stream --workers 2 --max-requests 70 --max-spend $1.50"
    assert main(["live", "desk.yaml", *flags.split(), "--seed", "9", "--quiet"]) == 0
    (order,) = sender.orders
    assert (order.base_url, order.control_url) == ("http://127.0.0.1:1/v1", "http://127.0.0.1:1")
    assert (order.api, order.speed, order.workers, order.stream, order.seed) == ("openai", "10", 2, True, 9)
    assert (order.max_requests, order.max_spend_usd, order.plan_header) == (70, 1.5, True)
    assert order.secrets == {"shared/batch/default": "KEYSTORM_KEY_SHARED_BATCH",
                             "shared/shop/default": "KEYSTORM_KEY_SHARED_SHOP"}  # fmt: skip
    assert sender.environments[0]["KEYSTORM_KEY_SHARED_SHOP"] == "ks-test-secret"
    assert "ks-test-secret" not in order.text()
    assert Path(order.scenario) == here / "desk.yaml"


def test_a_run_that_could_not_keep_its_schedule_is_invalid_and_reported(
    here: Path, monkeypatch: pytest.MonkeyPatch, sender: Sender, capsys: pytest.CaptureFixture[str]
) -> None:
    sender.lateness = 50 * MS
    assert main(["live", "desk.yaml"]) == 98
    told = capsys.readouterr()
    assert "✗ Lateness at the client, p99" in told.out
    assert "attempts left later than their turn, p99: 50 ms, the bound is 10" in told.err
    page = (here / "reports/live-desk-projects/report.md").read_text("utf-8")
    assert "This run is invalid: attempts left later than their turn" in page


@pytest.mark.parametrize(
    ("stop", "says"), [("max_spend", "--max-spend"), ("max_requests", "--max-requests"), ("worker_lost", "lost")]
)
def test_a_run_that_was_stopped_does_not_pass_for_a_whole_one(
    here: Path, sender: Sender, capsys: pytest.CaptureFixture[str], stop: str, says: str
) -> None:
    sender.stop = stop
    assert main(["live", "desk.yaml"]) == 98
    assert says in capsys.readouterr().err
    live = json.loads((here / "reports/live-desk-projects/live.json").read_text("utf-8"))
    assert (live["valid"], live["stop_reason"]) == (False, stop)
    assert says in (here / "reports/live-desk-projects/report.md").read_text("utf-8")


def test_a_missed_objective_is_99_where_the_run_is_valid(here: Path, sender: Sender) -> None:
    with (here / "desk.yaml").open("a", encoding="utf-8") as file:
        file.write("slos: [{batch: success_rate >= 99.9%}]\n")
    assert main(["live", "desk.yaml", "--quiet"]) == 99
    sender.stop = "max_spend"
    assert main(["live", "desk.yaml", "--quiet"]) == 98, "what an invalid run says of objectives means nothing"


def test_json_is_the_summary_and_nothing_else(
    here: Path, sender: Sender, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    assert main(["live", "desk.yaml", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["live"]["target"] == "an emulator of its own"


def test_a_run_that_ends_in_trouble_leaves_nothing(here: Path, monkeypatch: pytest.MonkeyPatch, sender: Sender) -> None:
    def fails(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sim.live.run.run_live", fails)
    assert main(["live", "desk.yaml", "--quiet", "--out", "result"]) == 1
    assert not (here / "result").exists()


# Pricing


def test_a_dry_run_prices_and_sends_nothing(here: Path, sender: Sender, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["live", "desk.yaml", "--dry-run", "--max-spend", "0.01"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("Nothing is sent. This run would go to an emulator of its own:")
    assert "--max-spend $0.01 would end it early" in told
    assert sender.orders == []
    assert not (here / "reports").exists()


def test_the_prices_of_a_dry_run_are_those_of_the_plan(
    here: Path, sender: Sender, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    assert main(["live", "desk.yaml", "--dry-run", "--json", "--speed", "2"]) == 0
    told = json.loads(capsys.readouterr().out)
    shop = next(team for team in told["teams"] if team["team"] == "shop")
    each = (900 * 3 + 4096 * 15) / 1e6
    assert shop["worst_usd"] == pytest.approx(shop["requests"] * each, rel=1e-6)
    assert told["dearest_attempt_usd"] == pytest.approx(each)
    assert told["expected_usd"] < told["worst_usd"]
    assert told["requests"] == sum(team["requests"] for team in told["teams"])
    assert 60 <= told["duration_s"] <= 75, "two minutes at twice the speed"


def test_a_dry_run_against_a_target_needs_no_key_and_looks_up_no_name(
    here: Path, sender: Sender, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: Any, **__: Any) -> None:
        raise AssertionError("a dry run asked the network")

    monkeypatch.setattr("socket.getaddrinfo", forbidden)
    assert main(["live", "desk.yaml", "--dry-run", "--target", "https://gw.example.com"]) == 0
    told = capsys.readouterr().out
    assert "shared/shop/default is read from KEYSTORM_KEY_SHARED_SHOP" in told
    assert "Not done at a real target: 503 storm, 50%" in told
    assert "runs away" not in told, "a runaway job only sends: that is done"


# Real targets


@contextmanager
def gateway(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Something that answers as a provider does, and the secrets that it knows."""
    folder.mkdir()
    with serving(folder, SCENARIO, "projects") as served:
        yield served.url, {
            "KEYSTORM_KEY_SHARED_SHOP": served.secret("shop"), "KEYSTORM_KEY_SHARED_BATCH": served.secret("batch"),
        }  # fmt: skip


def test_a_target_is_checked_first_and_the_order_is_for_it(
    here: Path, sender: Sender, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with gateway(here / "gateway") as (url, secrets):
        for name, secret in secrets.items():
            monkeypatch.setenv(name, secret)
        assert main(["live", "desk.yaml", "--target", url, "--model", "fast=fast"]) == 0
    told = capsys.readouterr()
    assert "shared/shop/default (key " in told.err
    assert "GET /v1/models → 200, accepted" in told.err
    (order,) = sender.orders
    assert (order.base_url, order.control_url, order.plan_header, order.models) == (url, None, False, {"fast": "fast"})
    written = everything_written(here / "reports").decode("utf-8", "replace")
    for secret in secrets.values():
        assert secret not in told.err + told.out + order.text() + written
        assert fingerprint(secret) in written
    assert "503 storm" in written, "the report says what was not done"
    summary = json.loads((here / "reports/live-desk-projects/summary.json").read_text("utf-8"))
    assert [one["kind"] for one in summary["chaos"]] == ["runaway_job"]


def test_a_key_that_is_not_accepted_ends_it_before_anything_is_sent(
    here: Path, sender: Sender, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, secret in MARKED.items():
        monkeypatch.setenv(name, secret)
    with gateway(here / "gateway") as (url, _):
        assert main(["live", "desk.yaml", "--target", url]) == 2
    told = capsys.readouterr().err
    assert "KEYSTORM_KEY_SHARED_SHOP" in told
    assert "is not accepted: 401" in told
    assert sender.orders == []
    assert not (here / "reports" / "live-desk-projects").exists()
    assert not any(secret in told for secret in MARKED.values())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--target", "http://127.0.0.1:9"], "2 of 2 keys"),
        (["--target", "http://93.184.216.34"], "--i-own-this-target"),
        (["--target", "nonsense"], "not a URL"),
        (["--target", "http://127.0.0.1:9", "--port", "80"], "leave out --port"),
        (["--i-own-this-target"], "add --target URL"),
        (["--model", "a=b"], "add --target URL"),
        (["--model", "nonsense"], "expected OURS=THEIRS"),
        (["--max-spend", "much"], "expected dollars"),
        (["--configuration", "project"], 'did you mean "projects"?'),
        (["--speed", "0"], "expected a factor"),
    ],
)
def test_bad_input_is_told_and_nothing_is_sent(
    here: Path, sender: Sender, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert main(["live", "desk.yaml", *arguments]) == 2
    assert says in capsys.readouterr().err
    assert sender.orders == []
    assert not (here / "reports").exists() or not any((here / "reports").iterdir())


# The emulator of our own


def test_the_emulator_is_a_process_of_its_own_that_ends(here: Path) -> None:
    with emulator("desk.yaml", "projects", here / "emulator", speed=Fraction(10)) as served:
        state = httpx.get(f"{served.url}/keystorm/state", trust_env=False, timeout=10).json()
        assert served.url.startswith("http://127.0.0.1:")
        assert state["clock"]["speed"] == 10
        assert {key["name"]: key["secret"] for key in state["keys"]} == dict(served.secrets)
        assert served.pid != os.getpid()
        os.kill(served.pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(served.pid, 0)


def test_an_emulator_that_does_not_start_says_why(here: Path) -> None:
    from sim.errors import RunInvalid

    with (
        pytest.raises(RunInvalid, match="no such configuration"),
        emulator("desk.yaml", "nowhere", here / "emulator", speed=Fraction(1)),
    ):
        pass


def test_an_order_is_read_back(tmp_path: Path) -> None:
    order = LiveOrder("desk.yaml", "0" * 64, "projects", "http://127.0.0.1:1", secrets={"k": "V"}, max_spend_usd=1.5)
    assert read_order(order.write(tmp_path)) == order
