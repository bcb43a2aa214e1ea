"""A migration end to end: boundaries, limits, order, steps, rollbacks, exports, and what it says in words."""

from __future__ import annotations

import csv
import json
from fractions import Fraction
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import pytest
import yaml

from sim.cli.main import main
from sim.report.migrate_report import document
from sim.report.migrate_runbook import runbook
from sim.report.migrate_view import View, risk_text
from sim.report.migrate_words import headline
from sim.report.numbers import NB, stat
from sim.scenario.keys import SpendCap
from sim.scenario.loader import load
from sim.scenario.topology import Node
from sim.study.compare import Options as CompareOptions
from sim.study.compare import compare
from sim.study.migrate.limits import caps_of
from sim.study.progress import Silent
from sim.units import MONTH, money_rate
from tests.unit.migrate_sample import TEXT, crowd, keys, loaded, study

pytestmark = pytest.mark.usefixtures("simpy_aside")

FEW = TEXT.replace("replications: 3", "replications: 2")
BATCH_OUT = FEW.replace("rate: 90/min, on", "rate: 240/min, on")


@pytest.fixture(scope="module")
def summary() -> dict[str, Any]:
    return crowd().summary


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("migrate")
    study(out=out, exports=("limits.yaml", "litellm", "anthropic", "csv"))
    return out


# What is found


def test_small_teams_share_a_project_and_everybody_is_in_one(summary: dict[str, Any]) -> None:
    teams = {one["name"]: one["teams"] for one in summary["projects"]}
    assert teams == {
        "batch": ["batch"],
        "checkout": ["checkout"],
        "search": ["search"],
        "small-teams": ["tiny-a", "tiny-b"],
    }
    reasons = {one["name"]: one["reasons"] for one in summary["projects"]}
    assert "bursty" in reasons["batch"]["evenness"] and "causes" in reasons["batch"]["contention"]
    assert "6 services" in reasons["checkout"]["services"] and "1 objective" in reasons["checkout"]["services"]
    assert "2 small teams" in reasons["small-teams"]["origin"]


def test_the_order_is_the_best_of_all(summary: dict[str, Any]) -> None:
    """Every order of the four projects, run on the same draws by another study, is no better."""
    order = summary["order"]
    assert order["how"] == "exact" and order["canary"] is None
    names = [one["name"] for one in summary["projects"]]
    assert sorted(name for wave in order["waves"] for name in wave) == sorted(names)
    assert order["evaluated"] == 2 ** len(names)
    assert all(one["exposure"] >= order["chosen"]["exposure"] - 1e-12 for one in order["others"])
    assert {tuple(order["chosen"]["waves"][0])} <= {(name,) for name in names} and len(list(permutations(names))) == 24


def test_the_crowded_are_better_off_and_the_risk_falls(summary: dict[str, Any]) -> None:
    assert summary["risk"]["end"]["mean"] < summary["risk"]["today"]["mean"]
    first = summary["steps"][0]
    assert first["risk_change"]["ci95"][1] < 0 and first["improved"]
    for before, after in pairwise(summary["steps"]):
        assert before["risk_after"] == after["risk_before"]
    loss = [state["teams"]["checkout"]["loss"]["mean"] for state in (summary["states"][0], summary["states"][-1])]
    assert loss[1] < loss[0]


def test_nothing_is_given_twice(summary: dict[str, Any]) -> None:
    for state in summary["states"]:
        assert state["sums"] and all(one["fits"] for one in state["sums"]), state["name"]
        assert state["capacity"]["requests_per_min"] <= 60
    given = sum(one["settings"]["rpm"] for one in summary["projects"])
    assert given <= 60
    rest = [step["shared"]["after"][0]["rpm"] for step in summary["steps"][:-1]]
    assert rest == sorted(rest, reverse=True) and summary["steps"][-1]["shared"]["teams"] == []


def test_a_rollback_restores_the_results_of_the_state_before(summary: dict[str, Any]) -> None:
    assert summary["checks"]["rollbacks_restore"] == [True] * len(summary["steps"])
    digests = summary["checks"]["states"]
    assert len(set(digests)) == len(digests), "every step changes something"
    for step in summary["steps"]:
        assert step["rollback"]["risk"] == step["risk_before"]
        assert step["rollback"]["risk_change"]["mean"] == pytest.approx(-step["risk_change"]["mean"], abs=1e-12)


def test_a_ban_of_the_key_stays_with_its_project_and_one_of_the_account_does_not(summary: dict[str, Any]) -> None:
    today, end = ({(one["team"], one["incident"]): one for one in state["incidents"]}
                  for state in (summary["states"][0], summary["states"][-1]))  # fmt: skip
    assert today["batch", "ban of the key"]["services_below"] >= 9
    assert end["batch", "ban of the key"]["hit"] in ([], ["batch"])
    assert end["batch", "ban of the key"]["services_below"] < today["batch", "ban of the key"]["services_below"]
    assert end["batch", "ban of the account"]["services_below"] >= 9
    assert "checkout" in end["batch", "ban of the account"]["hit"]


@pytest.mark.parametrize("how", [{}, {"executor": "processes", "workers": 2}])
def test_the_same_plan_again_and_wherever_it_is_made(how: dict[str, Any]) -> None:
    assert json.dumps(study(target="keys", **how).summary) == json.dumps(keys().summary)


# Limits and caps


def test_caps_follow_the_rule(summary: dict[str, Any]) -> None:
    for one in summary["projects"]:
        wanted = one["month_usd"] * summary["caps"]["p95_over_mean"] * summary["caps"]["margin"]
        assert wanted <= one["cap_usd"] <= max(1, 1.1 * wanted + 1)
    assert summary["caps"]["scaled"] == 1
    assert summary["caps"]["p95_over_mean"] == pytest.approx(1 + 1.645 * 0.5 / 30**0.5, abs=1e-4)


@pytest.mark.parametrize("cap", ["$4/month", "$100/month", "$10/day", "$5000/month"])
def test_caps_sum_to_at_most_the_accounts(cap: str) -> None:
    most = money_rate(cap)
    account = Node("account", "a", spend_caps=(SpendCap.model_validate({"amount": cap}),))
    month = {"a": 100.0, "b": 900.0, "c": 0.3}
    caps, part = caps_of(account, month, "projects")
    limit = most.micro_usd / 1e6 * MONTH / most.period_ns
    assert sum(caps.values()) <= limit + 1e-9 and (part < 1) == (limit < 1481)
    if part < 1:
        assert sum(caps.values()) >= limit - 0.03
        assert caps["a"] / caps["b"] == pytest.approx(150 / 1300, rel=0.02)
    assert caps_of(account, month, "accounts") == ({"a": 150.0, "b": 1300.0, "c": 1.0}, 1.0)


def test_headroom_is_given_as_far_as_the_account_has_it() -> None:
    roomy = FEW.replace("60/min, burst: 20}}\n  projects", "600/min, burst: 400}}\n  projects", 1)
    found = study(roomy, headroom=Fraction(1, 2)).summary
    assert found["limits"]["way"] == "needs" and found["limits"]["headroom"]["rpm"] == 1.5
    for one in found["projects"]:
        assert one["settings"]["rpm"] == int(one["need"]["rpm"] * 1.5) and one["shortfall"] == 0


def test_who_falls_short_is_told() -> None:
    found = study(BATCH_OUT).summary
    assert found["limits"]["way"] in ("guaranteed", "by_rate") and "batch" in found["limits"]["short"]
    assert any("gives less than the projects need: batch gets" in line for line in document(found, {}).details)


# Words are the numbers


def test_words_are_the_numbers_of_the_summary(summary: dict[str, Any]) -> None:
    view = View(summary)
    text = headline(view)
    assert f"from {risk_text(view.today)} to {risk_text(view.end)} of 12 services" in text
    best = min(summary["steps"], key=lambda step: step["risk_change"]["mean"])
    assert f"step {best['number']} (" in text
    drop = summary["risk"]["today"]["mean"] - summary["risk"]["end"]["mean"]
    fell = -best["risk_change"]["mean"]
    assert fell > drop or f"{100 * fell / drop:.0f}{NB}% of the fall" in text
    page = document(summary, {})
    met = [state["objectives"]["met"] for state in (summary["states"][0], summary["states"][-1])]
    assert any(f"Objectives met: {met[0]} of 5 today, {met[1]} after the last step" in line for line in page.details)
    row = page.sections[0].blocks[0].rows[0]  # type: ignore[union-attr]
    first = summary["steps"][0]
    assert row[3].text == f"{first['risk_before']['mean']:.2f} → {first['risk_after']['mean']:.2f}"
    assert row[3].sort == stat(first, "risk_after").mean


def test_the_runbook_has_every_step_its_limits_bounds_and_way_back(summary: dict[str, Any]) -> None:
    text = runbook(View(summary))
    for step in summary["steps"]:
        assert f"## Step {step['number']}: {step['projects'][0]}" in text
        assert f"steps/{step['folder']}/rollback.yaml" in text
    for one in summary["projects"]:
        assert f"`{one['env']}`" in text and f"{one['settings']['rpm']}/min, burst {one['settings']['burst']}" in text
    assert "Revoke the shared key" in text and text.count("- [ ]") > 20


def test_warnings_carry_their_source_and_what_was_simulated(summary: dict[str, Any]) -> None:
    found = {one["id"]: one for one in summary["warnings"]}
    assert all(one["source"] and one["date"] for one in found.values())
    assert "batch" in found["account-ban"]["shown"] and "own-runaway" in found
    assert not {"keys-share-limits", "accounts-start-small", "gateway-one-key"} & set(found)


# Files


def test_every_step_has_its_settings_and_they_work(folder: Path, summary: dict[str, Any]) -> None:
    for step in json.loads((folder / "summary.json").read_text())["steps"]:
        files = folder / "steps" / step["folder"]
        assert sorted(one.name for one in files.iterdir()) == [
            "anthropic.json", "limits.csv", "limits.yaml", "litellm.json", "rollback.yaml"]  # fmt: skip
        aliases = [key["key_alias"] for key in json.loads((files / "litellm.json").read_text())["keys"]]
        assert aliases == step["projects"]
        spaces = json.loads((files / "anthropic.json").read_text())["workspaces"]
        assert [one["workspace"] for one in spaces] == step["projects"]
        assert all(limit["value"] >= 1 for one in spaces for limit in one["body"]["limits"])
        rows = list(csv.DictReader((files / "limits.csv").read_text().splitlines()))
        assert {row["project"] for row in rows if row["action"] == "create"} == set(step["projects"])
        assert sum(float(row["rpm"]) for row in rows) <= 60


def test_a_pasted_step_gives_the_steps_results(folder: Path) -> None:
    """limits.yaml of the last step, pasted into the scenario and compared: the success that the plan promised."""
    summary = json.loads((folder / "summary.json").read_text())
    last = summary["steps"][-1]
    body = yaml.safe_load((folder / "steps" / last["folder"] / "limits.yaml").read_text())
    given = loaded().scenario.model_dump(mode="json", by_alias=True, exclude_none=True)
    found = compare(
        loaded(json.dumps({**given, "configurations": body["configurations"]})),
        CompareOptions(counterfactual=False),
        Silent(),
    ).summary
    ((_, one),) = found["configurations"].items()
    for team, told in summary["states"][-1]["teams"].items():
        assert one["teams"][team]["own_success_rate"] == told["own_success_rate"]


def test_no_secret_and_no_place_of_this_machine_is_written(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            text = path.read_text("utf-8")
            assert (
                "sk-" not in text.replace("task-", "").replace("risk-", "").replace("disk-", "")
                and str(folder) not in text
            )


def test_the_page_is_made_again_from_its_folder(folder: Path) -> None:
    page = (folder / "report.html").read_bytes()
    (folder / "report.html").unlink()
    assert main(["report", str(folder)]) == 0
    assert (folder / "report.html").read_bytes() == page


# Other rungs


def test_keys_share_every_limit_and_the_report_says_so() -> None:
    found = keys().summary
    assert found["limits"]["dimensions"] == [] and all(not one["limits"] for one in found["projects"])
    assert all(one["cap_usd"] is None for one in found["projects"])
    shown = {one["id"]: one["shown"] for one in found["warnings"]}
    today, end = ((state["total"]["rate_limited_share"]["mean"]) for state in (found["states"][0], found["states"][-1]))
    assert today == pytest.approx(end, abs=0.02) and f"{100 * today:.1f} %" in shown.get(
        "keys-share-limits", f"{100 * today:.1f} %"
    )
    assert document(found, {}).sections[3].intro.startswith("On this rung projects have keys")


def test_accounts_add_capacity_and_the_plan_says_how_much() -> None:
    found = study(FEW, target="accounts").summary
    rates = [state["capacity"]["requests_per_min"] for state in found["states"]]
    assert rates[0] == 60 and rates[-1] > 60
    shown = next(one["shown"] for one in found["warnings"] if one["id"] == "accounts-add-capacity")
    assert f"60 today, {rates[-1]:,.0f} at the end" in shown
    ban = {one["team"]: one for one in found["states"][-1]["incidents"] if one["incident"] == "ban of the account"}
    assert ban["batch"]["hit"] in ([], ["batch"])


def test_behind_a_gateway_those_who_stay_are_not_held_back() -> None:
    found = study(FEW, target="gateway", drills=1).summary
    assert all(step["shared"]["after"] == [] for step in found["steps"])
    assert {"gateway-one-key", "gateway-is-passed-by", "litellm-windows"} <= {one["id"] for one in found["warnings"]}


# The command


def run(tmp_path: Path, *words: str) -> int:
    (tmp_path / "crowd.yaml").write_text(TEXT)
    return main(
        ["migrate", str(tmp_path / "crowd.yaml"), "--out", str(tmp_path / "out"), "--quiet", "--drills", "1", *words]
    )


def test_the_command_prints_the_summary_and_writes_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (
        "--json",
        "--start",
        "2026-12-01",
        "--every",
        "1w",
        "--freeze",
        "2026-12-14..2027-01-03",
        "--export",
        "csv",
    )
    assert run(tmp_path, *words) == 99, "keys alone do not give checkout what it asks for"
    said = json.loads(capsys.readouterr().out)
    assert said == json.loads((tmp_path / "out" / "summary.json").read_text())
    days = [step["slot"]["day"] for step in said["steps"]]
    assert days == ["2026-12-01", "2026-12-08", "2027-01-04", "2027-01-11"]
    assert sorted(one.name for one in (tmp_path / "out").iterdir()) == [
        "figures", "manifest.json", "report.html", "report.md", "runbook.md", "steps", "steps.csv", "summary.json",
    ]  # fmt: skip
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Tue 1 Dec" in page and "--every 1w" in page


@pytest.mark.parametrize(("bound", "code"), [("99.99%", 99), ("1%", 0)])
def test_an_objective_that_is_still_missed_ends_with_99(bound: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "crowd.yaml").write_text(FEW.replace(">= 98%", f">= {bound}"))
    out = tmp_path / "out"
    words = ["migrate", str(tmp_path / "crowd.yaml"), "--out", str(out), "--quiet", "--to", "keys", "--drills", "0"]
    assert main(words) == code
    summary = json.loads((out / "summary.json").read_text())
    missed = [one["text"] for one in summary["objectives"] if not one["met"] and one["source"] == "scenario"]
    assert bool(missed) == (code == 99)
    assert summary["states"][0]["incidents"] == [] and len(summary["situations"]) == 1


def test_a_mapping_decides(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text("front: [checkout, search]\ntail: ['tiny-*']\n")
    assert run(tmp_path, "--mapping", str(tmp_path / "map.yaml"), "--to", "keys", "--replications", "2") == 99
    found = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert {one["name"]: (one["kind"], one["teams"]) for one in found["projects"]} == {
        "batch": ("team", ["batch"]), "front": ("mapped", ["checkout", "search"]),
        "tail": ("mapped", ["tiny-a", "tiny-b"]),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--to", "project"), 'did you mean "projects"?'),
        (("--from", "share"), 'did you mean "shared"?'),
        (("--from", "projects"), "not a key that teams share"),
        (("--start", "2026-02-30"), "no such day"),
        (("--every", "0d"), "not a cadence"),
        (("--freeze", "2026-12-20..2026-12-01"), "a freeze ends before it starts"),
        (("--group-below", "many"), "not a share"),
        (("--headroom", "2000%"), "out of range"),
        (("--canary", "chekout", "--to", "keys", "--replications", "1"), 'did you mean "checkout"?'),
        (("--export", "yml"), "no such form of export"),
        (("--tier", "anthropic/build"), "this is for logs"),
        (("--account-capacity", "2/min"), "the account is too small"),
    ],
)
def test_bad_input_ends_with_2_and_leaves_nothing(
    words: tuple[str, ...], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, *words) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [("front: [chekout]\n", 'did you mean "checkout"?'),
     ("search: [checkout]\n", "a project is called like a team outside it"),
     ("- a\n", "not a map"), ("", "not a map"), ("a: [checkout]\nb: [checkout]\n", "a name has two teams")],
)  # fmt: skip
def test_a_bad_mapping_is_refused(text: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "map.yaml").write_text(text)
    assert run(tmp_path, "--mapping", str(tmp_path / "map.yaml"), "--replications", "1") == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_from_python() -> None:
    import sim
    from sim.study.migrate.options import Options

    options = Options(target="keys", drills=0)
    result = sim.migrate(loaded(), options=options)
    assert result.summary["rung"] == "keys"
    assert len(result.frame("steps")) == len(result.summary["steps"])
    assert result.directory is None and result.headline in result.html()
    assert sim.migrate is not None and "migrate" in dir(sim)


def test_a_library_scenario_is_found_by_name(tmp_path: Path) -> None:
    from sim.study.migrate.source import is_log

    assert not is_log("noisy-neighbour") and load("noisy-neighbour").scenario.name == "noisy-neighbour"
    (tmp_path / "requests.parquet").write_bytes(b"PAR1")
    assert is_log(str(tmp_path)) and is_log(str(tmp_path / "requests.parquet")) and is_log("postgresql://h/db")
