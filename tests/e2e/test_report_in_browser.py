"""Every kind of report in a real browser: wide, middle and narrow, light and dark, and as it is printed.

Boxes are measured (``boxes.js``): no text is cut, lies on other text or leaves the page, nothing scrolls
sideways, the console stays empty. axe-core finds no serious fault. The pages are made anew from the numbers of
the sample reports, so that what is judged is the code as it is; two more have many teams and hostile names.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sim.report import frame, kinds
from sim.report.page import document
from sim.report.together import draw_charts
from tests.e2e import axe
from tests.emulator.browser import Page, browser, needs_browser
from tests.unit import report_sample

ROOT = Path(__file__).parents[2]
SAMPLES = sorted(path.parent for path in (ROOT / "reports" / "samples").glob("*/manifest.json"))
BOXES = Path(__file__).with_name("boxes.js").read_text("utf-8")
MADE = {
    "many-teams": report_sample.summary(report_sample.forty_seven(), capped=True),
    "hostile-names": report_sample.summary((*report_sample.HOSTILE, "=1+1"), ("shared", report_sample.HOSTILE[1])),
}
NAMES = [*(path.name for path in SAMPLES), *MADE]
A4, LETTER = 688, 710
"""CSS pixels between the margins of a printed page, 14 mm at each side."""
VIEWS = [(wide, scheme, "screen") for wide in (1440, 820, 390) for scheme in ("light", "dark")]
VIEWS += [(A4, "light", "print"), (LETTER, "dark", "print")]
JUDGE = """axe.run(document, {resultTypes: ["violations"]}).then((found) => found.violations
  .filter((one) => ["serious", "critical"].includes(one.impact))
  .map((one) => `${one.id}: ${one.nodes.length} × ${one.nodes[0].html.slice(0, 120)}`))"""

pytestmark = needs_browser


@dataclass(frozen=True)
class Shown:
    """A browser and the pages that it opens."""

    page: Page
    pages: dict[str, Path]

    def show(self, name: str, wide: int, scheme: str, media: str) -> None:
        """Set the view up, and open the page in it unless it is open already."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.page.command("Emulation.setEmulatedMedia", media=media, features=features)
        self.page.command(
            "Emulation.setDeviceMetricsOverride", width=wide, height=900, deviceScaleFactor=1, mobile=False
        )
        address = self.pages[name].as_uri()
        if self.page.ask("location.href") != address:
            self.page.go(address)
        self.page.wait_for(f"location.href === {json.dumps(address)} && document.readyState === 'complete'")
        assert self.page.ask("innerWidth") == wide

    def complaints(self) -> list[dict[str, Any]]:
        """What the console got, a blocked style or script included."""
        found = [one for one in self.page.events if one["method"] in ("Runtime.exceptionThrown", "Log.entryAdded")]
        found += [one for one in self.page.events if one["method"] == "Runtime.consoleAPICalled"]
        self.page.events.clear()
        return found


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    folder = tmp_path_factory.mktemp("pages")
    pages = {}
    for sample in SAMPLES:
        shutil.copytree(sample, folder / sample.name, ignore=shutil.ignore_patterns("*.html", "figures"))
        pages[sample.name] = kinds.render(folder / sample.name)
    for name, summary in MADE.items():
        study = report_sample.make(summary)
        pages[name] = folder / f"{name}.html"
        pages[name].write_text(frame.html(document(study, draw_charts(study))), "utf-8")
    with browser(tmp_path_factory.mktemp("browser"), "--hide-scrollbars") as page:
        for domain in ("Page", "Runtime", "Log"):
            page.command(f"{domain}.enable")
        yield Shown(page, pages)


def test_there_is_a_sample_of_each_kind() -> None:
    found = {json.loads((path / "manifest.json").read_text("utf-8")).get("kind", "compare") for path in SAMPLES}
    assert found >= {"compare", "tune", "capacity", "cost", "import", "fit", "migrate", "validate"}


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_cut_or_covered_and_the_console_is_silent(shown: Shown, name: str) -> None:
    wrong: dict[str, Any] = {}
    for view in VIEWS:
        shown.show(name, *view)
        # What is folded away is read too.
        shown.page.ask("document.querySelectorAll('details').forEach((one) => { one.open = true })")
        measured = shown.page.ask(BOXES)
        assert measured["lines"] > 100, "the page is measured, not an empty one"
        if measured["wide"] > 0 or measured["found"]:
            wrong[" ".join(map(str, view))] = (measured["wide"], measured["found"][:8])
    assert wrong == {}
    assert shown.complaints() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_no_serious_fault(shown: Shown, name: str, scheme: str) -> None:
    script = axe.source()
    shown.show(name, 1440, scheme, "screen")
    shown.page.ask(f"{script};0")
    found = shown.page.command("Runtime.evaluate", expression=JUDGE, awaitPromise=True, returnByValue=True)["result"]
    assert found["value"] == []


@pytest.mark.parametrize("name", NAMES)
def test_light_and_dark_are_light_and_dark(shown: Shown, name: str) -> None:
    grounds = {}
    for wide, scheme, media in ((820, "light", "screen"), (820, "dark", "screen"), (LETTER, "dark", "print")):
        shown.show(name, wide, scheme, media)
        text = shown.page.ask("getComputedStyle(document.body).backgroundColor")
        grounds[scheme, media] = sum(map(int, re.findall(r"\d+", text)[:3]))
    assert grounds["light", "screen"] > 600 > 150 > grounds["dark", "screen"]
    assert grounds["dark", "print"] > 600, "paper stays white"


@pytest.mark.parametrize("name", NAMES)
def test_tables_sort_on_a_click_and_back(shown: Shown, name: str) -> None:
    shown.show(name, 1440, "light", "screen")
    table = "[...document.querySelectorAll('table.sortable')].find((one) => one.tBodies[0].rows.length > 2)"
    if not shown.page.ask(f"!!{table}"):
        pytest.skip("no table with more than two rows")
    last = f"[...{table}.tHead.querySelectorAll('button')].at(-1)"
    column = f"[...{table}.tBodies[0].rows].map((row) => row.cells[row.cells.length - 1])"
    keys = f"{column}.map((cell) => cell.dataset.sort ?? cell.textContent)"
    shown.page.ask(f"{last}.click()")
    up = shown.page.ask(keys)
    shown.page.ask(f"{last}.click()")
    down = shown.page.ask(keys)
    known = [text for text in up if text != ""]
    numeric = all(re.fullmatch(r"-?[\d.e+-]+", text) for text in known)
    assert known == (sorted(known, key=float) if numeric else sorted(known, key=known.index))
    assert [text for text in down if text != ""] == known[::-1] or len(set(known)) < len(known)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_small_and_asks_for_nothing(shown: Shown, name: str) -> None:
    text = shown.pages[name].read_text("utf-8")
    assert len(text.encode()) < 3_000_000
    assert not re.search(r"""(?:src|href)=["']?https?:|url\(["']?https?:|@import""", text)
