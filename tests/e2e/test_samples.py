"""The sample reports: each number in their sentences stands in the file beside them, and pages are up to date."""

from __future__ import annotations

import math
import re
import shutil
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


def derived(result: Result) -> list[float]:
    """Numbers that sentences work out from several of the summary's: sums of money, shares, other units of time."""
    found = result.summary
    if result.kind == "cost":
        saving, first = found["saving"], next(iter(found["configurations"].values()))
        price = sum(bar["mean"] for bar in saving["bars"] if bar["kind"] == "price")
        incidents = [item for item, per in found["items"].items() if per == "incident"]
        others = sum(first["other"][item]["mean"] for item in incidents)
        enough = math.ceil(math.log(0.025) / math.log(0.99))  # months whose worst is above the 99th percentile for sure
        return [price, saving["total"]["mean"] - price, others, first["causes"]["incidents"]["mean"] + others, enough]
    if result.kind == "live":
        totals = [side["total"] for side in found["configurations"].values()]
        return [one["wasted_cost_usd"]["mean"] / one["cost_usd"]["mean"] for one in totals]
    if result.kind == "migrate":
        return [sum(one["month_usd"] for one in found["projects"])]
    if result.kind == "fit":
        return [found["span_s"] / unit for unit in (60, 3600, 86_400)]
    if result.kind == "import":
        total, along = found["total"], found["along"]["all"]
        spans = [found["span_s"] / unit for unit in (60, 3600, 86_400)]
        shares = [one["requests"] / total["requests"] for one in found["profile"]]
        shares += [one["cost"]["usd"] / total["cost"]["usd"] for one in found["profile"]]
        tokens = [one["tokens"]["input"] + one["tokens"]["output"] for one in (total, *found["profile"])]
        shares += [one / tokens[0] for one in tokens[1:]]
        whole = along[:-1]  # the last step of a log may be a part of one
        return [*spans, *shares, max(along) * len(whole) / sum(whole)]
    return []


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
    assert said.strays(text, result.summary, derived(result)) == []


def test_a_wrong_number_in_a_sentence_would_be_seen(result: Result) -> None:
    assert said.strays("It loses 31.4159 % of $27,182.81.", result.summary) == ["31.4159", "$27,182.81"]


def test_every_number_in_a_charts_title_stands_in_the_summary(result: Result) -> None:
    more = derived(result)
    assert {title: found for title in findings(result) if (found := said.strays(title, result.summary, more))} == {}


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
