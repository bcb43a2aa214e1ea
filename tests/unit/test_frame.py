"""The frame of all reports, with a document of every kind of block: nothing is lost, nothing is markup."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from sim.errors import BadInput
from sim.report import kinds
from sim.report.charts import chart, undrawn
from sim.report.figures.base import Canvas, Sheet
from sim.report.frame import NUMBER, QUIET, Cell, Chart, Document, Head, Section, Table, Text, html, markdown, write
from sim.report.numbers import Stat
from sim.report.style import drawing
from sim.results.store import write_json

EVIL = '<b onclick="x()">&amp;|*a*`b`'
YES, NO = Cell("yes", tone="good"), Cell("no", tone="bad")
TABLE = Table(
    (Head("Team"), Head("Where", QUIET), Head("Limit", NUMBER), Head("Verdict")),
    (
        (Cell("one", token="team-0"), Cell("here"), Cell("60/min", 60, "−5 ± 1", "bad", "± 2"), NO),
        (Cell("one", token="team-0"), Cell("there"), Cell("9/min", 9, bar=Stat(0.5, 0.4, 0.6)), YES),
        (Cell("two", token="team-1"), Cell("here"), Cell("–", math.nan), Cell("?")),
    ),
    "Limits by team",
    foot=((Cell("all"), Cell(""), Cell("69/min", 69), Cell("")),),
)  # fmt: skip
FOLDED = Table((Head("Cell"),), ((Cell("a"),), (Cell(EVIL),)), fold="two more cells")
CODE = "limits:\n  rpm: 40 # ```"
CHART = Chart("map", "It breaks at 40", "Requests/min", ("<svg><g/></svg>",) * 3, "<svg/>\n")
DOCUMENT = Document(
    kind="tune", name=f"name {EVIL}", question="How low?", headline="40/min will do", details=("One more thing.",),
    warnings=("Few replications.",),
    sections=(
        Section("decision", "What to set", "How to read it.", (TABLE, FOLDED)),
        Section("map", "Why", blocks=(CHART,)),
        Section("export", "Use it", blocks=(Text((f"Paragraph {EVIL}",), ("first", "second"), CODE),)),
    ),
    assumptions=("All is well.",), command="keystorm tune x", facts=(("seed", "7"),),
    downloads=(("tune.json", "every number"), ("absent.csv", "not there")),
)  # fmt: skip


class Reader(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.elements, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def page():
    head, body = html(DOCUMENT).split("<main>")
    assert DOCUMENT.kind in head
    return Reader(body)


def test_the_order_is_answer_sections_assumptions_command_files(page):
    sections = [one["id"] for one in page.all("section")]
    assert sections == ["decision", "map", "export", "assumptions", "reproduce", "downloads"]
    joined = "".join(page.texts)
    wanted = ("keystorm tune", "How low?", "40/min will do", "One more thing.", "Few replications.", "How to read it.",
              "Limits by team", "two more cells", "It breaks at 40", "first", "All is well.", "keystorm tune x", "seed",
              "tune.json")  # fmt: skip
    places = [joined.index(text) for text in wanted]
    assert places == sorted(places)


def test_texts_are_never_markup(page):
    assert not any("onclick" in attributes for _, attributes in page.elements)
    assert sum(EVIL in text for text in page.texts) == 3, "name, cell and paragraph"
    text = markdown(DOCUMENT)
    assert not re.search(r"(?<!\\)<b", text)
    assert "\\|\\*a\\*\\`b\\`" in text


def test_cells_sort_by_their_numbers_and_missing_ones_go_last(page):
    cells = {one["data-sort"] for one in page.all("td") if one.get("class") == "n"}
    assert cells == {"60.0", "9.0", "", "69.0"}


def test_groups_open_where_the_team_changes(page):
    opened = [attributes.get("class") for tag, attributes in page.elements if tag == "tr"]
    assert opened == [None, "first", None, "first", "first", None, None, None], "head, one, one, two, foot; the folded"


def test_tones_colour_the_second_line_or_else_the_text(page):
    spans = [one["class"] for one in page.all("span") if one.get("class")]
    assert spans == ["change bad", "tone bad", "tone good"]


def test_a_bar_has_its_interval(page):
    rects = [one["class"] for one in page.all("rect")]
    assert rects.count("f-team-0 bar") == 1
    assert rects.count("f-ink") == 1


def test_markdown_has_the_same_tables():
    lines = markdown(DOCUMENT).splitlines()
    assert "| Team | Where | Limit | Verdict |" in lines
    assert "| --- | --- | --: | --- |" in lines
    assert "| one | here | 60/min ± 2 \\(−5 ± 1\\) | **no** |" in lines
    assert "| all |  | 69/min |  |" in lines
    assert "two more cells:" in lines
    assert "![It breaks at 40](figures/map.svg)" in lines
    assert lines[lines.index("  rpm: 40 # ```") - 2] == "````", "the fence is longer than what is inside"


@pytest.mark.parametrize(
    "broken",
    [
        lambda: Cell("x", tone="blue"),
        lambda: Table((Head("a"), Head("b")), ((Cell("1"),),)),
        lambda: Table((Head("a"),), (), foot=((Cell("1"), Cell("2")),)),
    ],
)
def test_a_table_that_does_not_fit_is_refused(broken):
    with pytest.raises(ValueError, match=r"tone|columns"):
        broken()


def test_write_puts_everything_in_place(tmp_path):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "old.svg").write_text("<svg/>")
    written = write(tmp_path, DOCUMENT, {"tune.json": "{}\n"})
    assert written == tmp_path / "report.html"
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == {
        "report.html", "report.md", "tune.json", "figures/map.svg",
    }  # fmt: skip
    links = [one["href"] for one in Reader(written.read_text("utf-8")).all("a")]
    assert links == ["tune.json", "figures/"], "a file that is not there is not offered"


def test_a_report_without_charts_has_no_folder_of_figures(tmp_path):
    write(tmp_path, replace(DOCUMENT, sections=()))
    assert not (tmp_path / "figures").exists()
    assert "figures/" not in (tmp_path / "report.html").read_text("utf-8").split("<main>")[1]


def sheet(width):
    canvas = Canvas(width, 40)
    canvas.text(5, 20, f"drawn at {width}")
    return Sheet(canvas.figure, "A finding & more", "Unit", "What is to be seen in words")


def test_a_chart_is_drawn_at_three_widths_and_the_file_is_the_widest():
    made = chart("one", sheet)
    assert made is not None
    assert [re.findall(r"drawn at (\d+)", text) for text in (*made.drawings, made.svg)] == [
        ["1040"], ["680"], ["350"], ["1040"],
    ]  # fmt: skip
    assert "A finding &amp; more" in made.svg
    assert 'viewBox="0 0 1040 102"' in made.svg
    assert chart("none", lambda width: None) is None


def test_without_drawing_it_is_still_known_who_draws():
    drawn = []
    with undrawn() as drawers:
        assert chart("one", lambda width: drawn.append(width)) is None
    assert drawn == []
    drawers["one"](350)
    assert drawn == [350]
    assert chart("one", sheet) is not None, "outside charts are drawn again"


@pytest.mark.parametrize(("said", "told"), [("It breaks", "It breaks."), ("It breaks.", "It breaks."), ("", "")])
def test_a_headline_ends_like_a_sentence(said, told):
    assert replace(DOCUMENT, headline=said).headline == told


def test_many_columns_are_set_close():
    head = tuple(Head(str(at)) for at in range(9))
    assert Table(head, ()).dense
    assert not Table(head[:4], ()).dense
    assert 'class="dense sortable' in html(replace(DOCUMENT, sections=(Section("a", "A", "", (Table(head, ()),)),)))


def test_a_column_without_a_name_has_no_button():
    page = html(replace(DOCUMENT, sections=(Section("a", "A", "", (Table((Head("x"), Head("")), ()),)),)))
    assert page.count("<button") == 1


def test_drawing_gives_the_callers_settings_back():
    import gc

    import matplotlib

    before = dict(matplotlib.rcParams)
    with drawing(), drawing():
        assert matplotlib.rcParams["svg.hashsalt"] == "keystorm"
        assert not gc.isenabled()
    assert gc.isenabled()
    assert dict(matplotlib.rcParams) == before


def test_the_manifest_says_who_renders(tmp_path, monkeypatch):
    monkeypatch.setitem(kinds.KINDS, "rendered", "tests.unit.test_frame:rendered")
    monkeypatch.setattr(kinds, "import_module", lambda name: type("Module", (), {"rendered": lambda path: path / name}))
    write_json(tmp_path / "manifest.json", {"keystorm": "1", "kind": "rendered"})
    assert kinds.render(tmp_path) == tmp_path / "tests.unit.test_frame"


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_every_kind_has_its_renderer(kind):
    from importlib import import_module

    module, _, name = kinds.KINDS[kind].partition(":")
    assert callable(getattr(import_module(module), name))
    assert callable(import_module(module).document), "Python makes the report of a result that was never written"
    assert kinds.summary_file(kind).endswith(".json")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "no result to report on"),
        ("{", "not valid JSON"),
        ('{"kind": []}', "no such kind of study"),
        ('{"kind": "dance"}', "no such kind of study"),
        ("[]", "no such kind of study"),
    ],
)
def test_a_folder_that_nobody_can_render_is_told(tmp_path, text, told):
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(BadInput, match=told):
        kinds.render(tmp_path)


def test_a_manifest_without_a_kind_is_a_comparison(tmp_path):
    write_json(tmp_path / "manifest.json", {"keystorm": "1"})
    assert kinds.kind_of(tmp_path) == "compare"
