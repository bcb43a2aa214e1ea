"""The report of a capacity study, its tables for a spreadsheet, and the command."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from sim.cli.main import main
from sim.report.capacity_csv import costs_csv, dates_csv, months_csv
from sim.report.capacity_report import document, render
from sim.report.capacity_terminal import text as terminal
from sim.report.capacity_view import View, When, date_text, limit_text, short_number, span_text
from sim.report.capacity_words import details, headline, warnings
from sim.report.kinds import render as render_any

pytestmark = pytest.mark.usefixtures("simpy_aside")

SMALL = """\
name: small
question: Does it run?
duration: 5m
warmup: 1m
drain: 1m
replications: 3
seed: 3
models: {quick: {like: claude-sonnet-4-5, first_token: 100ms, per_token: 0s}}
teams:
  =web:
    workload: [{arrivals: {poisson: {rate: 120/min}}, model: quick, input_tokens: 1000, output_tokens: 100}]
    client: {retry: none}
  <batch>:
    workload: [{arrivals: {poisson: {rate: 60/min}}, model: quick, input_tokens: 1000, output_tokens: 100}]
    client: {retry: none}
configurations:
  shared: {isolation: shared, limits: {requests: 240/min, burst: 10}, spend_cap: $44000/month}
  projects: {isolation: projects, limits: {requests: 240/min, burst: 20}, split: by-traffic}
chaos:
  - storm: {status: 503, at: 2m, for: 1m, probability: 0.5}
slos:
  - =web: success_rate >= 98%
"""
CALM = "requests=x4, spend_cap=none"
FLAGS = ["--months", "4", "--what-if", "projects", "--what-if", CALM, "--growth", "<batch>=20%"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study made by the command."""
    folder = tmp_path_factory.mktemp("capacity")
    (folder / "small.yaml").write_text(SMALL)
    out = folder / "out"
    told = main(["capacity", str(folder / "small.yaml"), *FLAGS, "--out", str(out), "--quiet", "--workers", "1"])
    assert told == 0
    return out


@pytest.fixture(scope="module")
def summary(made: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((made / "capacity.json").read_text("utf-8"))
    return found


def visible(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_a_study_writes_its_folder_whole(made: Path, summary: dict[str, Any]) -> None:
    files = {path.name for path in made.iterdir()}
    assert files == {
        "capacity.json", "manifest.json", "report.html", "report.md", "dates.csv", "costs.csv", "months.csv", "figures",
    }  # fmt: skip
    figures = {path.stem for path in (made / "figures").iterdir()}
    assert figures == {"calendar", "headroom", "success", "fullness", "cost", "tiers"}
    assert list(summary["cases"]) == ["shared", "projects", "requests=x4, spend_cap=none"]
    checks = summary["checks"]
    assert checks["rows_planned"] == checks["rows_reported"] > 0
    assert re.fullmatch("[0-9a-f]{64}", checks["digest"])


def test_the_words_say_what_the_numbers_say(summary: dict[str, Any]) -> None:
    first = summary["cases"]["shared"]["first"]
    assert first["kind"] == "limit"
    text = visible(headline(View(summary)))
    assert text.startswith(f"The shared key lasts {first['date']['month']:.1f} months")
    assert f"(95 % interval {first['date']['early']:.1f} to " in text
    team = summary["cases"]["shared"]["limits"][0]["harms"]["team"]
    goal = {"=web": "98 % success", "<batch>": "99 % success (assumed)"}[team]
    assert f"its limit of 240 requests/min makes {team} miss its objective of {goal};" in text
    assert text.endswith("“requests=x4, spend_cap=none” lasts all 4 months.")
    told = visible(" ".join(details(View(summary))))
    cap = summary["cases"]["shared"]["caps"][0]
    assert f"the cap of $44,000 a month (account shared) after {cap['reached']['month']:.1f} months" in told
    now = summary["cases"]["shared"]["cost"]["total"]["now"]["mean"]
    assert f"Cost: ${now:,.0f} ± " in told
    assert "needs Anthropic’s Scale tier now" in told
    minded = visible(" ".join(warnings(View(summary))))
    assert "The scenario’s one fault (503 storm, 80" not in minded
    assert "503 storm" in minded
    assert "no success objective for <batch>: 99 % is assumed" in minded


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_spreadsheets_hold_the_numbers_of_the_json(made: Path, summary: dict[str, Any]) -> None:
    dates = rows((made / "dates.csv").read_text("utf-8"))
    breaks = next(one for one in dates if one["event"] == "breaks" and one["arrangement"] == "shared")
    assert float(breaks["month"]) == summary["cases"]["shared"]["limits"][0]["breaks"]["month"]
    never = next(one for one in dates if one["event"] == "breaks" and one["arrangement"].startswith("requests"))
    assert never["month"] == ""
    costs = rows((made / "costs.csv").read_text("utf-8"))
    assert [one["month"] for one in costs] == [str(month) for month in range(5)] * 3
    total = summary["cases"]["shared"]["series"]["total"]["usd"]["mean"]
    at = summary["cases"]["shared"]["series"]["months"].index(4)
    assert float(costs[4]["all teams"]) == total[at]
    assert float(costs[4]["'=web"]) + float(costs[4]["<batch>"]) == pytest.approx(total[at], rel=1e-9)
    months = rows((made / "months.csv").read_text("utf-8"))
    peak = [one for one in months if one["metric"] == "peak" and one["arrangement"] == "shared"]
    assert [float(one["mean"]) for one in peak] == summary["cases"]["shared"]["series"]["limits"][peak[0]["name"]][
        "peak"
    ]["mean"]
    for text in (dates_csv(summary), costs_csv(summary), months_csv(summary)):
        assert not re.search(r"(^|,)[=+@]", text, re.MULTILINE)


def test_the_page_escapes_names_and_says_what_words_mean(made: Path) -> None:
    page = (made / "report.html").read_text("utf-8")
    assert "<batch>" not in page
    assert "&lt;batch&gt;" in page
    for title in ("Side by side", "What breaks when", "Room today", "What it costs", "Which provider tier"):
        assert f">{title}" in page
    assert "Breaks: the refusals of this limit alone make a team miss an objective." in page
    markdown = (made / "report.md").read_text("utf-8")
    assert "figures/calendar.svg" in markdown
    assert "keystorm capacity" in markdown


def test_a_report_can_be_rendered_again(made: Path) -> None:
    before = {path.name: path.read_bytes() for path in made.iterdir() if path.is_file()}
    (made / "report.html").unlink()
    assert render_any(made) == made / "report.html"
    assert main(["report", str(made), "--quiet"]) == 0
    assert {path.name: path.read_bytes() for path in made.iterdir() if path.is_file()} == before


def test_the_same_command_gives_the_same_numbers(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["capacity", str(made.parent / "small.yaml"), *FLAGS, "--out", str(tmp_path / "again")]
    assert main([*words, "--quiet", "--json", "--fail-within", "4"]) == 99
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((made / "capacity.json").read_text("utf-8"))
    assert (tmp_path / "again" / "months.csv").read_bytes() == (made / "months.csv").read_bytes()


def test_the_command_tells_its_findings(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(made.parent / "small.yaml")
    words = ["--growth", "0%", "--months", "1", "--start", "2026-12", "--with-faults", "--duration", "3m"]
    assert main(["capacity", path, *words, "--replications", "1", "--out", str(tmp_path / "one")]) == 0
    told = capsys.readouterr()
    assert "How long does it last, what does it cost and what comes next at 0 % a month?" in told.out
    assert "One replication only" in told.out
    assert "The scenario’s faults are in every month" in told.out
    assert "report: " in told.err
    found = json.loads((tmp_path / "one" / "capacity.json").read_text("utf-8"))
    assert found["times_s"]["duration"] == 180
    assert found["start"] == "2026-12"
    assert found["faults"]["kept"] is True


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--growth", "much"], "--growth: not a growth rate (found 'much')"),
        (["--growth", "wbe=5%"], "no such team"),
        (["--what-if", "request=5/min"], 'did you mean "requests"'),
        (["--what-if", "projcts"], 'did you mean "projects"'),
        (["--configuration", "share"], 'did you mean "shared"'),
        (["--add-team", "new"], "NAME=LIKE:MONTH"),
        (["--add-team", "new==web:9", "--months", "4"], "a whole month from 1 to 4"),
        (["--start", "soon"], "a year and a month, as 2026-12"),
        (["--months", "0"], "from 1 to 120"),
        (["--months", "x"], "found 'x'"),
        (["--executor", "cloud"], "no such executor"),
        (["--duration", "30s"], "warmup is not shorter than duration"),
        (["--groth", "5%"], 'did you mean "--growth"'),
    ],
)
def test_bad_flags_end_with_2_and_a_hint(
    words: list[str], told: str, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "never"
    assert main(["capacity", str(made.parent / "small.yaml"), *words, "--out", str(out), "--quiet"]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert not out.exists()


def test_a_study_does_not_overwrite_what_is_not_its_own(made: Path, tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("x")
    assert main(["capacity", str(made.parent / "small.yaml"), "--out", str(tmp_path), "--quiet"]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


# Words and numbers


def test_dates_in_words() -> None:
    view = View({"months": 12, "start": None})
    named = View({"months": 12, "start": "2026-11"})
    assert visible(date_text(When(4.23, 4.02, 4.51), view)) == "after 4.2 months (4.0 to 4.5)"
    assert visible(date_text(When(4.23, 4.02, 4.51), named)) == "after 4.2 months (4.0 to 4.5, Mar 2027)"
    assert visible(date_text(When(4.23, 4.2, 4.24), view)) == "after 4.2 months"
    assert visible(date_text(When(4.23), view)) == "after 4.2 months"
    assert visible(date_text(When(11.0, 10.0, None), view)) == "after 11.0 months (10.0 to later than 12)"
    assert visible(date_text(When(None, 10.5, None), view)) == "not expected within 12 months, but possible after 10.5"
    assert visible(date_text(When(None), view)) == "not within 12 months"
    assert date_text(When(0.0, 0.0, 0.0), view) == "already now"
    assert visible(date_text(When(0.0, 0.0, 1.13), view)) == "already now (or after 1.1 months)"
    assert span_text(When(None), view) == ""


def test_months_have_names_where_the_study_has_a_start() -> None:
    named = View({"months": 14, "start": "2026-11"})
    assert visible(named.month_name(0)) == "Nov 2026"
    assert visible(named.month_name(1.9999)) == "Jan 2027"
    assert [named.tick(month) for month in (0, 1, 2, 14)] == ["Nov 26", "Dec", "Jan 27", "Jan 28"]
    bare = View({"months": 14, "start": None})
    assert [bare.tick(month) for month in (0, 3)] == ["now", "3"]
    assert visible(bare.month_name(3)) == "month 3"


def test_limits_are_called_by_their_size() -> None:
    limit = {"dimension": "input_tokens", "per_minute": 2e6, "rate": "2000000/min", "burst": 5, "models": None}
    assert visible(limit_text(limit)) == "2M input tokens/min"
    assert (
        visible(limit_text({**limit, "per_minute": 0.69, "rate": "1000/day", "dimension": "requests"}))
        == "1000 requests/day"
    )
    assert visible(limit_text({**limit, "per_minute": None, "rate": None, "dimension": "concurrency"})) == "5 at once"
    assert visible(limit_text({**limit, "models": ["m", "n"]})) == "2M input tokens/min (m, n)"
    assert [short_number(value) for value in (60.0, 12.5, 60_592.0, 250_000.0, 1.5e6)] == [
        "60",
        "12.5",
        "60,592",
        "250k",
        "1.5M",
    ]


def test_a_study_in_which_nothing_breaks_says_so(summary: dict[str, Any]) -> None:
    calm = json.loads(json.dumps(summary))
    calm["cases"] = {CALM: calm["cases"][CALM]}
    calm["paired"] = {}
    text = visible(headline(View(calm)))
    assert text.startswith(f"“{CALM}” lasts: nothing breaks within 4 months; the tightest limit, 960 requests/min,")
    assert terminal(calm).count("\n") >= 4
    titles = [section.title for section in document(calm, {}).sections]
    assert "Side by side" not in titles


def test_what_is_not_certain_today_is_said_to_be_probable(summary: dict[str, Any]) -> None:
    now = json.loads(json.dumps(summary))
    first = now["cases"]["shared"]["first"]
    first["date"] = {"month": 0.0, "early": 0.0, "late": 1.1}
    assert "is probably too small already today (95 % interval to 1.1 months)" in visible(headline(View(now)))
    first["date"]["late"] = 0.0
    text = visible(headline(View(now)))
    assert "The shared key is too small already today: its limit of 240 requests/min leaves " in text


def test_a_folder_without_a_study_is_refused(tmp_path: Path) -> None:
    from sim.errors import BadInput

    with pytest.raises(BadInput, match="no result to report on"):
        render(tmp_path)
    (tmp_path / "capacity.json").write_text("{")
    with pytest.raises(BadInput, match="not valid JSON"):
        render(tmp_path)
