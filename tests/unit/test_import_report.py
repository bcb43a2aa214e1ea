"""The page of an import: sentences, tables and figures for logs of every kind, with names that are no markup."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.report.figures import import_along, import_rhythm, import_share
from sim.report.frame import html, markdown
from sim.report.import_report import document
from sim.report.import_terminal import text
from sim.report.import_view import View, count_text, digits, per_time, percent, span_text
from sim.report.import_words import details, headline, warnings
from sim.report.numbers import NB
from sim.study.importing.options import Options
from sim.study.importing.run import import_logs
from sim.study.progress import Silent
from sim.workload.importers import IMPORTERS

EVIL = "<b>&|*a*"
DAY = 86_400


def log(teams: dict[str, int], days: float = 9.0) -> str:
    """A LiteLLM log: requests by team, 429s for every tenth of the first."""
    draws, rows = np.random.default_rng(4), []
    for at, (team, count) in enumerate(teams.items()):
        for number, second in enumerate(np.sort(draws.random(count)) * days * DAY):
            refused = at == 0 and number % 10 == 0
            stamp = f"{np.datetime64(int((1_793_577_600 + second) * 1000), 'ms')}Z"
            rows.append({
                "request_id": f"{team}/{number}", "startTime": stamp, "team_id": team, "model": "claude-sonnet-4-5",
                "prompt_tokens": 0 if refused else 900, "completion_tokens": 0 if refused else 50, "spend": 0.25,
                "status": "failure" if refused else "success",
                "metadata": {"error_information": {"error_code": "429"}} if refused else {},
            })  # fmt: skip
    return "\n".join(map(json.dumps, rows))


def summary(folder: Path, content: str, **options: Any) -> dict[str, Any]:
    (folder / "log").write_text(content)
    return import_logs([str(folder / "log")], Options(**options), folder / "out", Silent()).summary


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Thirteen teams, the first with a name full of markup."""
    teams = {EVIL: 400} | {f"team {at}": 60 - at for at in range(12)}
    return summary(tmp_path_factory.mktemp("crowd"), log(teams))


def test_the_answer_names_who_sends_most(crowd: dict[str, Any]) -> None:
    view = View.of(crowd)
    wanted = f"13 teams sent 1,054 requests in 8.98 days; {EVIL} sent 38{NB}% of them, and the busiest"
    assert headline(view).startswith(wanted)
    said = " ".join(details(view))
    assert f"40 requests (3.8{NB}%) were answered with 429, most of them {EVIL}’s." in said
    assert "Spend: $263.50 as recorded" in said
    assert warnings(view) == ()


def test_the_page_escapes_names_and_has_its_parts(crowd: dict[str, Any]) -> None:
    made = document(crowd, {"command": ["keystorm", "import", "log"], "keystorm": "1"})
    ids = ["teams", "when", "bursts", "sizes", "models", "history", "quality", "replay"]
    assert [one.id for one in made.sections] == ids
    assert [chart.name for chart in made.charts] == ["share", "along", "rhythm"]
    page = html(made)
    assert "<b>&" not in page
    assert "&lt;b&gt;&amp;|*a*" in page
    assert "1,054 rows read = 1,054 kept + 0 left out" in page
    assert "\\<b\\>\\&\\|\\*a\\*" in markdown(made)
    rows = made.sections[0].blocks[1].rows  # type: ignore[union-attr]
    assert [cell.text for cell in rows[0]][:6] == [EVIL, "400", f"38{NB}%", f"36{NB}%", "$100.00", f"38{NB}%"]
    assert (rows[0][6].text, rows[0][6].sub) == ("40", f"10{NB}%")


@pytest.mark.parametrize("width", [1040, 680, 350])
@pytest.mark.parametrize("figure", [import_along, import_rhythm, import_share])
def test_figures_say_a_finding_at_every_width(figure: Any, width: int, crowd: dict[str, Any]) -> None:
    sheet = figure.draw(View.of(crowd), width)
    assert sheet.title == figure.finding(View.of(crowd))
    assert sheet.title in sheet.alt
    assert len(sheet.title) > 20
    assert sheet.figure.get_size_inches()[0] == pytest.approx(width / 72)


def test_shares_of_a_figure_are_those_of_the_log(crowd: dict[str, Any]) -> None:
    view = View.of(crowd)
    for what in ("requests", "tokens", "usd", "limited"):
        assert sum(view.share(one, what) for one in view.senders) == pytest.approx(1)
    assert view.share(view.senders[0], "limited") == 1
    table = import_rhythm.rates(view, view.total)
    hours = np.asarray(crowd["hours_covered"]).reshape(7, 24)
    assert np.nansum(table * hours) == pytest.approx(1054)


def test_one_team_needs_no_shares(tmp_path: Path) -> None:
    view = View.of(summary(tmp_path, log({"only": 50}, 0.01)))
    assert import_share.draw(view, 680) is None
    assert import_rhythm.draw(view, 680) is None
    assert headline(view).startswith("50 requests in 13 minutes")
    assert "all from only" in headline(view)


def test_a_log_without_teams_dates_and_models_says_so(tmp_path: Path) -> None:
    rows = "\n".join(f'{{"timestamp": {at * 700}, "input_length": 9, "output_length": 2}}' for at in range(100))
    told = summary(tmp_path, rows)
    view = View.of(told)
    assert any("does not say who sent what" in one for one in warnings(view))
    assert not any("list price" in one for one in warnings(view))
    made = document(told, {})
    assert "The log has no date" in html(made)
    assert import_along.draw(view, 680) is not None
    assert "–" in [cell.text for cell in made.sections[0].blocks[0].rows[0]]  # type: ignore[union-attr]


def test_an_instant_has_no_charts(tmp_path: Path) -> None:
    told = summary(tmp_path, '{"timestamp": 5, "input_length": 9, "output_length": 2}')
    view = View.of(told)
    assert all(one.draw(view, 680) is None for one in (import_along, import_rhythm, import_share))
    assert document(told, {}).headline


def test_sums_are_flagged_and_too_coarse_for_hours(tmp_path: Path) -> None:
    told = summary(tmp_path, IMPORTERS["anthropic-console"].example)
    view = View.of(told)
    assert view.made_up
    assert not view.hourly
    assert import_rhythm.draw(view, 680) is None
    assert "sums of up to 24 hours" in warnings(view)[0]


def test_the_terminal_has_the_same_and_fits(crowd: dict[str, Any]) -> None:
    told = text(crowd, width=80, colour=False)
    assert max(map(len, told.splitlines())) <= 80
    assert "1,054 rows read = 1,054 kept + 0 left out." in told
    assert told.splitlines()[-1].startswith("team 11")
    assert "\x1b" not in told
    assert "\x1b[" in text(crowd, colour=True)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (digits(1234567.0), "1,234,567"), (digits(0.012345), "0.0123"), (digits(0), "0"), (digits(99.96), "100"),
        (span_text(57.3 * 60), "57.3 minutes"), (span_text(1), "1 second"), (span_text(14 * DAY), "14 days"),
        (per_time(0.5), "30/h"), (per_time(59.94), "59.9/min"),
        (per_time(6000), "100/s"), (count_text(999_999), "999,999"),
        (count_text(1.5e6), f"1.5{NB}M"), (count_text(2.11e9), f"2.11{NB}G"), (percent(0), f"0{NB}%"),
        (percent(0.0001), f"<{NB}0.1{NB}%"), (percent(0.052), f"5.2{NB}%"), (percent(1), f"100{NB}%"),
        (percent(float("nan")), "–"),
    ],
)  # fmt: skip
def test_numbers_are_written_short(found: str, wanted: str) -> None:
    assert found == wanted
