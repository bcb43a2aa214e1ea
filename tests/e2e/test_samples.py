"""The sample reports: each number in their sentences stands in the file beside them, and pages are up to date."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sim.report.charts import undrawn
from sim.report.kinds import document, render
from sim.report.style import MIDDLE, drawing
from sim.study.result import Result, read
from tests import said, samples

NAMES = [sample.name for sample in samples.SAMPLES]


@pytest.fixture(scope="module", params=NAMES)
def result(request: pytest.FixtureRequest) -> Result:
    return read(samples.FOLDER / request.param)


def sentences(result: Result) -> list[str]:
    with undrawn():
        whole = document(result.kind, result.summary, result.manifest)
    return [whole.headline, *whole.details, *whole.warnings]


def findings(result: Result) -> list[str]:
    """What the charts' titles say."""
    with undrawn() as drawers, drawing():
        document(result.kind, result.summary, result.manifest)
        drawn = [draw(MIDDLE) for draw in drawers.values()]
    return [sheet.title for sheet in drawn if sheet is not None]


def test_every_number_in_the_sentences_stands_in_the_summary(result: Result) -> None:
    text = " ".join(sentences(result))
    assert said.NUMBER.search(text)
    assert said.strays(text, result.summary) == []


def test_a_wrong_number_in_a_sentence_would_be_seen(result: Result) -> None:
    assert said.strays("It loses 31.4159 % of $27,182.81.", result.summary) == ["31.4159", "$27,182.81"]


def test_every_number_in_a_charts_title_stands_in_the_summary(result: Result) -> None:
    assert {title: found for title in findings(result) if (found := said.strays(title, result.summary))} == {}


class Texts(HTMLParser):
    """The words of a page without its drawings, style and script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.feed(re.sub(r"<(svg|style|script)\b.*?</\1>", "", page, flags=re.DOTALL))

    def handle_data(self, data: str) -> None:
        self.words += data.split()


@pytest.mark.parametrize("name", NAMES)
def test_the_page_says_what_this_version_says(name: str, tmp_path: Path) -> None:
    import shutil

    folder = samples.FOLDER / name
    shutil.copytree(folder, tmp_path / name)
    page = render(tmp_path / name)
    kept = folder / page.name
    told = "make samples ARGS=--render writes it anew"
    # Files that a sample does not keep are offered only where they are.
    before, now = (Texts(path.read_text("utf-8").split('id="downloads"')[0]).words for path in (kept, page))
    assert before == now, told
    assert kept.stat().st_size < 1_000_000


def test_the_folder_lists_its_samples() -> None:
    assert (samples.FOLDER / "README.md").read_text("utf-8") == samples.table()
    assert {path.name for path in samples.FOLDER.iterdir() if path.is_dir()} == set(NAMES)
