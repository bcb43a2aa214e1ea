"""The cost command and its report: folder, words, figures, claims, and the numbers again by arithmetic on the CSV."""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from sim.cli.main import main
from sim.errors import BadInput
from sim.report.cost_report import document, render
from sim.report.cost_terminal import text as terminal
from sim.report.cost_view import View, between, dollars, percent, usd
from sim.report.cost_words import headline
from sim.report.figures import bill_causes, bill_spread, bill_tail, tornado, waterfall
from sim.report.numbers import Stat
from sim.scenario.finance import Claim
from sim.study.cost.claims import judged
from sim.study.cost.estimates import Estimate
from tests.unit.cost_sample import TEXT

pytestmark = pytest.mark.usefixtures("simpy_aside")

FLAGS = ["--months", "14", "--tornado-months", "3", "--workers", "1"]
SPOILT = TEXT.replace("  web:\n", '  "<web>":\n').replace("[web, batch]", '["<web>", batch]')
"""A team whose name is markup."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study made by the command."""
    folder = tmp_path_factory.mktemp("cost")
    (folder / "small.yaml").write_text(SPOILT)
    out = folder / "out"
    assert main(["cost", str(folder / "small.yaml"), *FLAGS, "--out", str(out), "--quiet"]) == 0
    return out


@pytest.fixture(scope="module")
def summary(made: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((made / "summary.json").read_text("utf-8"))
    return found


def visible(text: str) -> str:
    return text.replace("\u00a0", " ")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_study_writes_its_folder_whole(made: Path, summary: dict[str, Any]) -> None:
    assert {path.name for path in made.iterdir()} == {
        "summary.json", "manifest.json", "report.html", "report.md", "months.csv", "assumed.csv", "bills.csv",
        "saving.csv", "tornado.csv", "figures",
    }  # fmt: skip
    figures = {path.stem for path in (made / "figures").iterdir()}
    assert figures == {"bills", "tail", "causes", "waterfall", "tornado"}
    assert json.loads((made / "manifest.json").read_text("utf-8"))["kind"] == "cost"
    assert summary["months"] == 14 and summary["budget_usd"] == 25
    assert re.fullmatch("[0-9a-f]{64}", summary["checks"]["digest"])
    page = (made / "report.html").read_text("utf-8")
    assert "<web>" not in page and "&lt;web&gt;" in page


def test_bills_again_by_arithmetic_on_the_months(made: Path, summary: dict[str, Any]) -> None:
    bills: dict[tuple[str, str, str], dict[int, float]] = defaultdict(lambda: defaultdict(float))
    causes: dict[tuple[str, str], float] = defaultdict(float)
    for row in rows(made / "months.csv"):
        case = (row["configuration"], row["prices"], row["incidents"])
        parts = [float(row[f"{cause}_usd"]) for cause in summary["causes"]]
        assert sum(parts) == pytest.approx(float(row["bill_usd"]), abs=1e-6)
        bills[case][int(row["month"])] += float(row["bill_usd"])
        if case[1:] == ("scenario", "yes"):
            for cause, value in zip(summary["causes"], parts, strict=True):
                causes[case[0], cause] += value / 14
    for name, one in summary["configurations"].items():
        loud, quiet = (np.array(list(bills[name, "scenario", which].values())) for which in ("yes", "no"))
        assert len(loud) == len(quiet) == 14
        assert one["total"]["bill_mean"]["mean"] == pytest.approx(loud.mean())
        assert one["total"]["bill_sd"]["mean"] == pytest.approx(loud.std(ddof=1))
        assert one["total"]["bill_p50"]["mean"] == pytest.approx(np.sort(loud)[6])
        assert one["total"]["bill_worst"]["mean"] == pytest.approx(loud.max())
        assert one["total"]["exceed"]["mean"] == pytest.approx((loud > 25).mean())
        assert one["overage_mean"]["mean"] == pytest.approx((loud - quiet).mean())
        for cause in summary["causes"]:
            assert one["causes"][cause]["mean"] == pytest.approx(causes[name, cause])
        teams = sum(team["bill_mean"]["mean"] for team in one["teams"].values())
        assert teams == pytest.approx(loud.mean())
    first = np.array(list(bills["shared", "scenario", "yes"].values()))
    last = np.array(list(bills["accounts", "new", "yes"].values()))
    assert summary["saving"]["bill"]["mean"] == pytest.approx((first - last).mean())
    assert summary["saving"]["new_bill"]["mean"] == pytest.approx(last.mean())


def test_the_waterfall_lands_where_it_should(summary: dict[str, Any]) -> None:
    saving = summary["saving"]
    fallen = sum(bar["mean"] for bar in saving["bars"])
    assert saving["before"]["mean"] - fallen == pytest.approx(saving["after"]["mean"])
    # To the micro-dollar over all months, before anything is divided: three places of the price among two steps.
    whole = sum(bar["micro_usd_times"] for bar in saving["bars"])
    assert whole == round(saving["total"]["mean"] * 14 * 1e6) * 3
    levers = sum(lever["total"]["mean"] for lever in saving["levers"])
    assert levers == pytest.approx(saving["total"]["mean"])
    steps = sum(step["total"]["mean"] for step in saving["steps"])
    assert steps == pytest.approx(saving["isolation"]["mean"])
    assert [bar["kind"] for bar in saving["bars"]] == ["price", "step", "step", "hours", "incidents", "lost work"]


def test_the_first_sentence_answers(summary: dict[str, Any]) -> None:
    text = visible(headline(View(summary)))
    saving = summary["saving"]
    assert text.startswith("With the price held equal, “accounts” saves")
    assert dollars(saving["isolation_bill"]["mean"]) in text and dollars(saving["isolation"]["mean"]) in text
    assert "is the price" in text
    alone = {**summary, "saving": None}
    text = visible(headline(View(alone)))
    assert text.startswith(
        f"A month costs {dollars(summary['configurations']['shared']['total']['bill_mean']['mean'])}"
    )
    assert "less under" in text and "one month in twenty" in text
    single = {**alone, "configurations": {"capped": summary["configurations"]["capped"]}, "differences": {}}
    assert visible(headline(View(single))).count("under") == 2


def test_the_report_says_what_it_may(summary: dict[str, Any]) -> None:
    page = document(summary, {"notes": ["x keystorm cost only x", "mind the gap"]})
    assert [section.id for section in page.sections] == [
        "bills", "saving", "claims", "tornado", "causes", "teams", "ranges", "words",
    ]  # fmt: skip
    assert any("too few to bound the 99th percentile" in text for text in page.warnings)
    assert any("work not done" in text for text in page.details)
    assert "mind the gap" in page.assumptions
    assert not any("keystorm cost only" in text for text in page.assumptions)
    bare = {**summary, "saving": None, "claims": [], "tornado": None, "budget_usd": None, "incidents": []}
    for one in bare["configurations"].values():
        one["total"].pop("exceed", None)
    ids = [section.id for section in document(bare, {}).sections]
    assert ids == ["bills", "causes", "teams", "ranges", "words"]


@pytest.mark.parametrize("width", [1040, 680, 350])
def test_figures_are_drawn_at_every_width(made: Path, width: int) -> None:
    view = View(json.loads((made / "summary.json").read_text("utf-8")))
    for draw in (bill_spread.draw, bill_tail.draw, bill_causes.draw, waterfall.draw, tornado.draw):
        sheet = draw(view, width)
        assert sheet is not None and isinstance(sheet.figure, Figure)
        assert "$" in sheet.title or "%" in sheet.title
        assert "ollars" in sheet.subtitle or "$" in sheet.subtitle


def test_a_terminal_of_80_columns(made: Path) -> None:
    told = terminal(json.loads((made / "summary.json").read_text("utf-8")), width=80, colour=False)
    lines = told.splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("shared") and line.count("$") == 6 for line in lines)
    assert any(line.strip().startswith("can't be tested") for line in lines)


def test_rendering_again_changes_nothing(made: Path) -> None:
    before = {path.name: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    assert main(["report", str(made), "--quiet"]) == 0
    assert {path.name: path.read_bytes() for path in made.rglob("*") if path.is_file()} == before


def test_the_same_command_gives_the_same_numbers(made: Path, summary: dict[str, Any], tmp_path: Path) -> None:
    path = str(made.parent / "small.yaml")
    flags = ["--months", "14", "--tornado-months", "3", "--workers", "2"]
    assert main(["cost", path, *flags, "--out", str(tmp_path / "again"), "--quiet"]) == 0
    again = json.loads((tmp_path / "again" / "summary.json").read_text("utf-8"))
    original = json.loads((made / "summary.json").read_text("utf-8"))
    assert again == original
    assert (tmp_path / "again" / "months.csv").read_bytes() == (made / "months.csv").read_bytes()


def test_json_on_standard_output(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--months", "3", "--configuration", "capped", "--budget", "$100/day", "--seed", "4", "--json", "--quiet"]
    assert main(["cost", str(made.parent / "small.yaml"), *words, "--out", str(tmp_path / "one")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told["configurations"]) == ["capped"]
    assert (told["seed"], told["budget_usd"], told["saving"], told["differences"]) == (4, 3000, None, {})
    assert told["tornado"]["outcome"] == "cost" and told["tornado"]["configurations"] == ["capped"]
    assert {test["verdict"] for claim in told["claims"] for test in claim["tests"]} >= {"undecided"}
    assert not (tmp_path / "one" / "saving.csv").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--configuration", "caped"], 'did you mean "capped"?'),
        (["--budget", "lots"], "as $15k/month"),
        (["--duration", "2h"], "the scenario does not last a month"),
        (["--months", "1"], "from 2 to 100,000"),
        (["--executor", "cloud"], "no such executor"),
        (["--mnths", "5"], 'did you mean "--months"'),
    ],
)
def test_bad_flags_end_with_2_and_a_hint(
    words: list[str], told: str, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "never"
    assert main(["cost", str(made.parent / "small.yaml"), *words, "--out", str(out), "--quiet"]) == 2
    assert told in capsys.readouterr().err
    assert not out.exists()


def test_a_scenario_in_which_nothing_goes_wrong(tmp_path: Path) -> None:
    plain = TEXT[: TEXT.index("incidents:")]
    (tmp_path / "plain.yaml").write_text(plain)
    out = tmp_path / "out"
    assert main(["cost", str(tmp_path / "plain.yaml"), "--months", "3", "--out", str(out), "--quiet"]) == 0
    found = json.loads((out / "summary.json").read_text("utf-8"))
    assert (found["tornado"], found["saving"], found["claims"], found["budget_usd"]) == (None, None, [], None)
    for one in found["configurations"].values():
        assert one["overage_mean"]["mean"] == one["other_mean"]["mean"] == 0
    page = (out / "report.md").read_text("utf-8")
    assert "and the same elsewhere" in page
    assert "What is assumed" not in page and "What a month costs" in page


def test_a_folder_without_a_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no result to report on"):
        render(tmp_path)
    (tmp_path / "summary.json").write_text("{")
    with pytest.raises(BadInput, match="not valid JSON"):
        render(tmp_path)


# Claims and words

CLAIMS = (
    (">= $10", Estimate(12, 11, 13), "supported"),
    (">= $10", Estimate(12, 9, 15), "undecided"),
    (">= $10", Estimate(8, 7, 9), "not supported"),
    (">= $10", Estimate(12, 11, None), "supported"),
    (">= $10", Estimate(12, 9, None), "undecided"),
    ("<= $10", Estimate(8, 7, 9), "supported"),
    ("<= $10", Estimate(8, 7, None), "undecided"),
    ("<= $10", Estimate(12, 11, None), "not supported"),
    ("<= $10", Estimate(12, 9, 13), "undecided"),
    ("<= $10", Estimate(8), "supported"),
    ("<= $0", Estimate(0, 0, 0), "supported"),
)


@pytest.mark.parametrize(("bound", "found", "verdict"), CLAIMS)
def test_a_claim_is_judged_by_the_interval(bound: str, found: Estimate, verdict: str) -> None:
    claim = Claim.model_validate({"says": "x", "tests": f"a: bill_mean {bound}"})
    assert judged(claim, {("a", "bill_mean"): found})["verdict"] == verdict


def test_a_claim_is_as_good_as_its_weakest_test() -> None:
    claim = Claim.model_validate({"says": "x", "tests": ["a: bill_mean >= $1", "a: bill_p99 <= $5"]})
    mean, tail = Estimate(3, 2, 4), Estimate(9, 8, 10)
    assert judged(claim, {("a", "bill_mean"): mean, ("a", "bill_p99"): tail})["verdict"] == "not supported"
    assert judged(claim, {("a", "bill_mean"): mean})["verdict"] == "undecided"
    assert judged(Claim.model_validate({"says": "x", "untestable": "y"}), {})["verdict"] == "can't be tested"


def test_money_in_words() -> None:
    assert [dollars(value) for value in (12_400.4, -3.2, -0.4, 0)] == ["$12,400", "\u2212$3", "$0", "$0"]
    assert visible(usd(Stat(12_400, 12_100, 12_700))) == "$12,400 ± 300"
    assert visible(usd(Stat(12_400, 12_399.9, 12_400.1))) == "$12,400"
    assert between({"ci95": [1, 2]}) == "$1 to $2"
    assert between({"ci95": [1, None]}) == "$1 or more"
    assert between({"ci95": [None, 2]}) == "up to $2"
    assert between({"ci95": [None, None]}) == ""
    assert [visible(percent(value)) for value in (0.934, 0.0512, 0.0)] == ["93 %", "5.1 %", "0 %"]
