"""`keystorm tune` as a user calls it: from a scenario to settings, and what they are worth when they are used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from sim.cli.main import main
from sim.report.frame import html
from sim.report.kinds import render
from sim.report.tune_report import document
from sim.report.tune_view import View
from sim.scenario.loader import load, load_text
from sim.study.compare import Options as CompareOptions
from sim.study.compare import compare
from sim.study.progress import Silent
from sim.study.tune.divide import EQUAL
from sim.study.tune.options import Options
from sim.study.tune.tune import tune

pytestmark = pytest.mark.xdist_group("kernel")
SCENARIO = """\
name: three-teams
question: How small can the limits be?
duration: 15m
warmup: 1m
drain: 10m
replications: 4
seed: 8
models:
  m: {price: {input: $1, output: $2}, first_token: 400ms, per_token: 2ms}
teams:
  steady:
    workload: {arrivals: {poisson: {rate: 10/min}}, model: m, input_tokens: 300, output_tokens: 50}
    client: {retry: anthropic-sdk}
  bursty:
    workload: {arrivals: {gamma: {rate: 6/min, cv: 3}}, model: m, input_tokens: 300, output_tokens: 50}
    client: {retry: stamina}
  "=evil<b>":
    workload: {arrivals: {poisson: {rate: 3/min}}, model: m, input_tokens: 300, output_tokens: 50}
    client: {retry: none}
configurations:
  shared: {isolation: shared, limits: {requests: CAPACITY/min, burst: 30}}
  projects: {isolation: projects, limits: {requests: CAPACITY/min, burst: 30}, split: equal}
chaos:
  - storm: {status: 503, at: 5m, for: 2m, team: steady}
slos:
  - steady: success_rate >= 99%
  - bursty: success_rate >= 95%
  - "=evil<b>": success_rate >= 90%
"""
FORMS = ("limits.yaml", "litellm", "anthropic", "csv")


def scenario(folder: Path, capacity: int) -> Path:
    path = folder / f"three-{capacity}.yaml"
    path.write_text(SCENARIO.replace("CAPACITY", str(capacity)), "utf-8")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tune")


@pytest.fixture(scope="module")
def roomy(folder: Path) -> tuple[int, Path]:
    """Tuned with an account that has enough: exit code and folder."""
    out = folder / "roomy"
    flags = [word for form in FORMS for word in ("--export", form)]
    return main(["tune", str(scenario(folder, 120)), "--out", str(out), "--quiet", *flags]), out


@pytest.fixture(scope="module")
def crowded(folder: Path) -> dict[str, Any]:
    """The same with an account that has too little."""
    return tune(load(scenario(folder, 15)), Options(), Silent()).summary


def summary_of(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "tune.json").read_text("utf-8"))
    return found


def test_a_study_leaves_its_files_and_says_that_an_objective_is_out_of_reach(roomy: tuple[int, Path]) -> None:
    code, out = roomy
    assert code == 99, "a storm makes steady's objective impossible, whatever its limits"
    names = {path.name for path in out.iterdir()}
    assert names == {
        "tune.json", "manifest.json", "report.html", "report.md", "figures",
        "limits.yaml", "litellm.json", "anthropic.json", "limits.csv",
    }  # fmt: skip
    assert {path.name for path in (out / "figures").iterdir()} == {"map.svg", "burst.svg"}
    assert json.loads((out / "manifest.json").read_text("utf-8"))["kind"] == "tune"


def test_each_project_needs_less_than_it_has_or_its_objective_says_why(roomy: tuple[int, Path]) -> None:
    told = summary_of(roomy[1])
    assert list(told["projects"]) == ["=evil<b>", "bursty", "steady"]
    steady = told["projects"]["steady"]["objectives"][0]
    assert steady["reach"] == "missed"
    assert steady["short_by"] > 0.05
    for one in told["projects"].values():
        assert one["current"]["rpm"] == 40.0
        assert one["recommended"] == one["needed"]
        assert 0 < one["needed"]["rpm"] < 40
    assert told["accounts"][0]["fits"]
    assert told["sums"]["needed"]["rpm"] == sum(one["needed"]["rpm"] for one in told["projects"].values())
    verdicts = {one["text"]: one["met"] for one in told["objectives"]}
    assert verdicts == {
        "steady: success_rate >= 99%": False,
        "bursty: success_rate >= 95%": True,
        "=evil<b>: success_rate >= 90%": True,
    }


def test_the_exported_configuration_meets_what_was_promised_when_it_is_used(
    roomy: tuple[int, Path], folder: Path
) -> None:
    data = yaml.safe_load(SCENARIO.replace("CAPACITY", "120"))
    data["configurations"] |= yaml.safe_load((roomy[1] / "limits.yaml").read_text("utf-8"))["configurations"]
    loaded = load_text(yaml.safe_dump(data, allow_unicode=True), folder / "pasted.yaml")
    study = compare(loaded, CompareOptions(configurations=("tuned",), counterfactual=False), Silent())
    told = summary_of(roomy[1])["projects"]
    for team in told:
        alone = told[team]["teams_alone"][team]["success_rate"]["mean"]
        used = study.summary["configurations"]["tuned"]["teams"][team]["success_rate"]["mean"]
        assert used == pytest.approx(alone, abs=1e-9), (
            "on the same draws, with everybody there, each fares as it did alone"
        )
    assert [one["text"] for one in study.missed] == ["steady: success_rate >= 99%"]


def test_the_exports_for_other_programs_have_every_project(roomy: tuple[int, Path]) -> None:
    told = summary_of(roomy[1])["projects"]
    keys = json.loads((roomy[1] / "litellm.json").read_text("utf-8"))["keys"]
    assert {one["key_alias"] for one in keys} == set(told)
    for one in keys:
        assert all(one[name] > 0 for name in ("rpm_limit", "tpm_limit", "max_parallel_requests", "max_budget"))
        assert one["rpm_limit"] == told[one["key_alias"]]["exports"]["window_rpm"]
    workspaces = json.loads((roomy[1] / "anthropic.json").read_text("utf-8"))["workspaces"]
    types = {limit["type"] for one in workspaces for limit in one["body"]["limits"]}
    assert types == {"requests_per_minute", "input_tokens_per_minute_cache_aware", "output_tokens_per_minute"}
    assert (roomy[1] / "limits.csv").read_text("utf-8").splitlines()[1].startswith("'=evil<b>")


def test_the_page_escapes_names_and_says_the_numbers_of_the_summary(roomy: tuple[int, Path]) -> None:
    page = (roomy[1] / "report.html").read_text("utf-8")
    told = summary_of(roomy[1])
    assert "=evil&lt;b&gt;" in page
    assert "<b>:" not in page
    first = "{rpm} requests a minute and bursts of {burst} in all meet 2 of 3 objectives".format(
        **told["sums"]["recommended"]
    )
    assert first in page
    assert "one objective is out of reach for these limits" in page
    for one in told["projects"].values():
        assert f"<span>{one['recommended']['rpm']}</span>" in page
    assert f"{told['search']['runs']:,} runs" in page


def test_the_report_is_made_again_from_the_folder_alone(roomy: tuple[int, Path]) -> None:
    before = (roomy[1] / "report.html").read_text("utf-8")
    (roomy[1] / "report.html").unlink()
    assert render(roomy[1]) == roomy[1] / "report.html"
    assert (roomy[1] / "report.html").read_text("utf-8") == before


def test_a_crowded_account_is_divided_and_who_falls_short_is_told(crowded: dict[str, Any]) -> None:
    (account,) = crowded["accounts"]
    assert not account["fits"]
    assert account["needed"]["rpm"] > account["gives"]["rpm"] == 15
    names = [way["name"] for way in account["ways"]]
    assert names[0] == "guaranteed"
    assert names[-1] == "needs"
    assert [way["chosen"] for way in account["ways"]].count(True) == 1
    chosen = next(way for way in account["ways"] if way["chosen"])
    assert chosen["expected"] > max(way["expected"] for way in account["ways"]) - EQUAL
    first = account["ways"][0]
    assert first["rpm"] <= 15
    assert first["burst"] <= 30
    for name, part in chosen["shortfall"].items():
        one = crowded["projects"][name]
        lacks = [1 - one["recommended"][key] / one["needed"][key] for key in ("rpm", "burst")]
        assert part == pytest.approx(max(lacks))
        assert one["shortfall"] == pytest.approx(part)


def test_the_words_of_a_crowded_account_are_those_of_its_numbers(crowded: dict[str, Any]) -> None:
    made = document(crowded, {"command": ["keystorm", "tune", "x"]})
    account = crowded["accounts"][0]
    need = account["needed"]["rpm"]
    assert made.headline.startswith(f"“shared” gives 15 requests a minute and its three projects need {need}: the ")
    met = sum(one["met"] for one in crowded["objectives"])
    assert f"the recommended limits meet {met} of 3 objectives" in made.headline
    worst = View.of(crowded).short[0]
    assert f"{worst.name} gets {worst.missing[1]} of the {worst.missing[2]} " in made.headline
    assert {section.id for section in made.sections} >= {"settings", "objectives", "account", "map", "theory", "search"}
    assert [chart.name for chart in made.charts] == ["share", "map", "burst"]
    assert html(made) == html(document(crowded, {"command": ["keystorm", "tune", "x"]}))
    assert [one.name for one in View.of(crowded).short] == sorted(
        (name for name, one in crowded["projects"].items() if one["shortfall"] > 0),
        key=lambda name: -crowded["projects"][name]["shortfall"],
    )


def test_one_seed_gives_one_answer_wherever_projects_are_searched(folder: Path) -> None:
    text = SCENARIO.replace("CAPACITY", "21").replace("duration: 15m", "duration: 5m").replace("at: 5m", "at: 2m")
    loaded = load_text(text.replace("replications: 4", "replications: 2"), folder / "short.yaml")
    one = tune(loaded, Options(workers=1), Silent()).summary
    assert tune(loaded, Options(workers=2), Silent()).summary == one


def test_a_capacity_may_be_given_and_json_goes_to_standard_output(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = folder / "given"
    path = str(scenario(folder, 120))
    flags = ["--account-capacity", "18/min", "--replications", "2", "--dimensions", "rpm", "--json", "--quiet"]
    assert main(["tune", path, "--out", str(out), *flags]) == 99
    told = json.loads(capsys.readouterr().out)
    assert told == summary_of(out)
    assert told["dimensions"] == ["rpm"]
    assert told["accounts"][0]["gives"]["rpm"] == 18
    assert told["configuration"]["account_capacity"] == "18/min"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--configuration", "project"], 'did you mean "projects"'),
        (["--dimensions", "rps"], "--dimensions"),
        (["--dimensions", "rpm,brust,latency"], "(found 'brust', 'latency')"),
        (["--dimensions", "rpm,brust"], 'did you mean "burst"?'),
        (["--account-capacity", "lots"], "--account-capacity"),
        (["--export", "yaml"], "--export"),
        (["--executor", "clouds"], "--executor"),
    ],
)
def test_bad_flags_end_with_2_and_what_would_be_right(
    folder: Path, capsys: pytest.CaptureFixture[str], flags: list[str], said: str
) -> None:
    out = folder / "nowhere"
    assert main(["tune", str(scenario(folder, 120)), "--out", str(out), "--replications", "1", *flags]) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()
