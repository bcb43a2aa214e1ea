"""What Python gets from a study: frames with the summary's numbers, figures under findings, a view for notebooks."""

from __future__ import annotations

import json
import math
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sim.errors import BadInput
from sim.report.fragment import fragment
from sim.report.kinds import KINDS
from sim.study.frames import FRAMES
from sim.study.result import Result, read
from tests.samples import FOLDER
from tests.unit import report_sample

KIND = ("compare", "tune", "capacity", "cost", "import", "fit", "migrate", "validate")
NONE_IN_SAMPLE = {("validate", "partings")}
"""Tables that may be empty: both worlds end every request alike."""


@pytest.fixture(scope="module", params=KIND)
def result(request: pytest.FixtureRequest) -> Result:
    return read(FOLDER / request.param)


@pytest.fixture(scope="module")
def compared() -> Result:
    return read(FOLDER / "compare")


@pytest.fixture(scope="module")
def hostile() -> Result:
    summary = report_sample.summary((*report_sample.HOSTILE, "=1+1"), ("shared", report_sample.HOSTILE[1]))
    return Result("compare", summary, report_sample.manifest(summary))


def test_each_kind_has_frames_with_rows_and_numbers(result: Result) -> None:
    assert result.frames == tuple(FRAMES[result.kind])
    for name in result.frames:
        frame = result.frame(name)
        if (result.kind, name) in NONE_IN_SAMPLE:
            continue
        assert len(frame), name
        assert list(frame.select_dtypes("number")), name


def test_every_table_belongs_to_a_kind_of_report() -> None:
    assert set(FRAMES) <= set(KINDS)


def test_frames_hold_what_the_summary_holds(compared: Result) -> None:
    metrics = compared.frame("metrics").set_index(["configuration", "team", "metric"])
    for name, side in compared.summary["configurations"].items():
        for team, values in side["teams"].items():
            row = metrics.loc[(name, team, "success_rate")]
            assert row["mean"] == values["success_rate"]["mean"]
            assert [row["ci95_low"], row["ci95_high"]] == values["success_rate"]["ci95"]
    pair = compared.summary["paired"]["projects - shared"]["teams"]["checkout"]["success_rate"]
    rows = compared.frame("differences").set_index(["configuration", "team", "metric"])
    assert rows.loc[("projects", "checkout", "success_rate"), "mean"] == pair["mean"]
    blamed = compared.frame("contention").set_index(["configuration", "form", "victim", "culprit"])["share"]
    known = compared.summary["contention"]["shared"]["counterfactual"]["checkout"]["analytics"]
    assert blamed["shared", "counterfactual", "checkout", "analytics"] == known
    assert len(compared.frame("objectives")) == len(compared.summary["slos"])


def test_names_are_what_they_are_and_not_what_a_spreadsheet_needs(hostile: Result) -> None:
    assert "=1+1" in set(hostile.frame("metrics")["team"])


def test_missing_numbers_are_nan(hostile: Result) -> None:
    single = report_sample.summary(configurations=("shared",), single=True)
    frame = Result("compare", single, {}).frame("metrics")
    assert frame.loc[frame["metric"] == "success_rate", "ci95_low"].isna().all()
    assert len(Result("compare", single, {}).frame("differences")) == 0


def test_a_figure_stands_under_its_finding_and_keeps_its_pixels(result: Result) -> None:
    name = {"import": "share"}.get(result.kind, result.figures[0])
    figure = result.figure(name, width=680)
    wide, high = figure.get_size_inches() * 72
    assert wide == pytest.approx(680)
    said = [text.get_text() for text in figure.texts]
    sheet = result._outline[1][name](680)
    assert sheet is not None
    assert "".join(said).replace(" ", "").endswith(f"{sheet.title}{sheet.subtitle}".replace(" ", ""))
    before = [axes.get_position().height * sheet.figure.get_size_inches()[1] for axes in sheet.figure.axes]
    after = [axes.get_position().height * high / 72 for axes in figure.axes]
    assert after == pytest.approx(before)
    assert all(0 <= text.get_window_extent().y1 <= high + 1 for text in figure.texts)


def test_figures_and_frames_that_do_not_exist_are_told(compared: Result) -> None:
    with pytest.raises(BadInput, match='did you mean "latency"'):
        compared.figure("latencies")
    with pytest.raises(BadInput, match='did you mean "metrics"'):
        compared.frame("metric")


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_notebook_shows_the_answer_and_the_table(result: Result, hostile: Result) -> None:
    shown = result._repr_html_()
    assert Tags(shown).tags >= {"table", "th", "td"}
    assert len(shown) < 60_000
    assert str(result) == result.headline
    assert "script" not in Tags(hostile._repr_html_()).tags


def test_a_long_table_is_cut_in_a_notebook() -> None:
    many = report_sample.summary(configurations=tuple(f"try {at}" for at in range(40)))
    assert "10 more rows" in Result("compare", many, report_sample.manifest(many))._repr_html_()
    assert fragment(Result("compare", many, {})._outline[0], "there").count("there") >= 1


def test_what_is_written_is_read_back(compared: Result, tmp_path: Path) -> None:
    page = compared.write(tmp_path / "new")
    again = read(tmp_path / "new")
    assert page.name == "report.html"
    assert again.summary == compared.summary
    assert again.headline == compared.headline
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep me")
    with pytest.raises(BadInput, match="not empty"):
        compared.write(tmp_path / "full")


def test_a_folder_without_a_result_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no result to report on"):
        read(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps({"keystorm": "1"}))
    with pytest.raises(BadInput, match="no result"):
        read(tmp_path)


def test_a_charts_own_numbers_are_finite(result: Result) -> None:
    for frame in map(result.frame, result.frames):
        assert not frame.select_dtypes("number").map(math.isinf).to_numpy().any()
