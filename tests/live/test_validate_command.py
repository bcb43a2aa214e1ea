"""``keystorm validate`` as a user calls it, with the simulator standing for the replayer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("uvicorn", reason="the extra `serve` is not installed")

from sim.cli.main import main
from sim.results.store import read
from sim.scenario.loader import load
from sim.units import MS
from tests.live.sender import Sender
from tests.live.test_live_command import here, sender  # noqa: F401  # fixtures


def summary(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text("utf-8"))
    return found


@pytest.mark.usefixtures("sender")
def test_two_worlds_that_are_one_agree(here: Path, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    assert main(["validate", "desk.yaml", "--wall", "20s"]) == 0
    told = capsys.readouterr()
    assert "Simulator and HTTP agree: 100.00 % of" in told.out
    assert "The timeline is squeezed 8 ×" in told.err
    out = here / "reports" / "validate-desk"
    found = summary(out)
    (entry,) = found["configurations"].values()
    assert (found["agrees"], entry["share"], entry["same"]) == (True, 1.0, entry["requests"])
    assert sum(entry["boundary"]["counts"].values()) == 0
    one, two = read(out / "projects" / "simulated"), read(out / "projects" / "live")
    assert len(one[0]) == len(two[0]) == entry["requests"]
    assert load(out / "projects" / "scenario.yaml").scenario.duration == 15_000 * MS
    assert json.loads((out / "manifest.json").read_text())["kind"] == "validate"


def test_two_worlds_that_differ_are_98_and_the_report_says_where_they_part(
    here: Path, sender: Sender, capsys: pytest.CaptureFixture[str]  # noqa: F811
) -> None:  # fmt: skip
    sender.late_ns = 1500 * MS
    assert main(["validate", "desk.yaml", "--wall", "20s"]) == 98
    told = capsys.readouterr()
    assert "do not agree" in told.out
    assert "✗" in told.out
    out = here / "reports" / "validate-desk"
    (entry,) = summary(out)["configurations"].values()
    differing = entry["requests"] - entry["same"]
    assert differing > 0
    assert sum(entry["boundary"]["counts"].values()) == differing == len(entry["boundary"]["partings"])
    assert {path.name for path in (out / "figures").iterdir()} == {"agreement-projects.svg", "boundary-projects.svg"}
    page = (out / "report.html").read_bytes()
    (out / "report.html").unlink()
    assert main(["report", str(out), "--quiet"]) == 0
    assert (out / "report.html").read_bytes() == page


def test_a_live_run_that_is_invalid_can_not_agree(here: Path, sender: Sender) -> None:  # noqa: F811
    sender.lateness = 50 * MS
    assert main(["validate", "desk.yaml", "--wall", "20s", "--quiet"]) == 98
    (entry,) = summary(here / "reports" / "validate-desk")["configurations"].values()
    assert entry["share"] == 1.0
    assert entry["invalid"]
    assert "is invalid, so it can’t be compared" in (here / "reports/validate-desk/report.md").read_text("utf-8")


def test_each_configuration_is_run_and_told(
    here: Path, sender: Sender, capsys: pytest.CaptureFixture[str]  # noqa: F811
) -> None:  # fmt: skip
    arguments = ["--configuration", "shared", "--configuration", "projects", "--wall", "20s", "--speed", "10", "--json"]
    assert main(["validate", "desk.yaml", *arguments]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["configurations"]) == ["shared", "projects"]
    assert found["tolerances"]["success"] == 0.02, "twice as wide where time is compressed"
    assert [order.configuration for order in sender.orders] == ["shared", "projects"]
    assert {order.speed for order in sender.orders} == {"10"}
    for order in sender.orders:
        assert order.scenario.endswith(f"slice-{order.configuration}.yaml"), "both worlds run the squeezed scenario"
    assert len(list((here / "reports" / "validate-desk").glob(".partial-*"))) == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--wall", "1s"], "expected a time from 2s to 1h"),
        (["--wall", "soon"], "expected a time"),
        (["--configuration", "sharde"], 'did you mean "shared"?'),
        (["--api", "other"], "invalid choice"),
    ],
)
def test_bad_input(
    here: Path, sender: Sender, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str  # noqa: F811
) -> None:  # fmt: skip
    assert main(["validate", "desk.yaml", *arguments]) == 2
    assert says in capsys.readouterr().err
    assert sender.orders == []
