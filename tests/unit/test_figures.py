"""The figures: deterministic SVG, findings that hold, colours that stay with their team."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from sim.report.figures import FIGURES
from sim.report.figures.base import cut
from sim.report.figures.outcomes import _nice
from sim.report.style import MIDDLE, NARROW, REST, TEAMS_LIGHT, WIDE, drawing
from sim.report.svg import _compact, inline, standalone
from tests.unit import report_sample as sample

NS = {"s": "http://www.w3.org/2000/svg"}


@pytest.fixture(scope="module")
def two():
    return sample.make(sample.summary(capped=True, reviewed=True))


@pytest.fixture(scope="module")
def many():
    return sample.make(sample.summary(sample.forty_seven(), capped=True, reviewed=True))


def svg(study, name, width=WIDE):
    with drawing():
        sheet = FIGURES[name](study, width)
    assert sheet is not None
    return sheet, inline(sheet.figure, f"{name}-", sheet.alt)


def texts(drawn):
    return [element.text or "" for element in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_study_gives_the_same_bytes(two, name):
    assert svg(two, name)[1] == svg(sample.make(sample.summary(capped=True, reviewed=True)), name)[1]


@pytest.mark.parametrize("width", [WIDE, MIDDLE, NARROW])
@pytest.mark.parametrize("name", FIGURES)
def test_each_figure_is_valid_and_follows_the_page(two, name, width):
    sheet, drawn = svg(two, name, width)
    root = ET.fromstring(drawn)
    assert root.get("role") == "img"
    assert root.get("aria-label") == sheet.alt
    assert len(sheet.alt) > 30
    assert sheet.title
    assert sheet.subtitle
    assert float(root.get("viewBox", "").split()[2]) == width
    assert not re.search(r'\sstyle="|<style|<image|<script|https?://(?!www\.w3\.org)', drawn)
    assert 'class="f-ink"' in drawn
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert all(one.startswith(f"{name}-") for one in ids)


@pytest.mark.parametrize("name", FIGURES)
def test_every_reference_inside_has_its_target(two, name):
    drawn = svg(two, name)[1]
    targets = set(re.findall(r'id="([^"]+)"', drawn))
    wanted = set(re.findall(r"url\(#([^)]+)\)", drawn)) | set(re.findall(r'href="#([^"]+)"', drawn))
    assert wanted <= targets


@pytest.mark.parametrize("name", FIGURES)
def test_hostile_names_are_text(name):
    names, sides = (*sample.HOSTILE, "ok"), ("shared", sample.HOSTILE[1])
    study = sample.make(sample.summary(names, sides, capped=True, reviewed=True))
    sheet, inside = svg(study, name)
    drawn = standalone(inside, sheet.title, sheet.subtitle)
    root = ET.fromstring(drawn)
    assert not root.findall(".//s:script", NS)
    assert "<script" not in drawn
    assert any("$" in text for text in texts(drawn)), "a dollar sign is no mathematics"


@pytest.mark.parametrize("name", ["latency", "attempts", "cost", "outcomes"])
def test_a_team_keeps_its_colour(two, name):
    drawn = svg(two, name)[1]
    assert two.cast.top[:2] == ("checkout", "analytics")
    assert f'fill="{TEAMS_LIGHT[0]}" class="f-team-0"' in drawn
    assert f'fill="{TEAMS_LIGHT[1]}" class="f-team-1"' in drawn


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_forty_seven_teams_stay_legible(many, name, width):
    drawn = svg(many, name, width)[1]
    height = float(ET.fromstring(drawn).get("viewBox", "").split()[3])
    assert height < 2400
    assert len(drawn) < 400_000
    sizes = [float(size) for size in re.findall(r'font-size="([\d.]+)"', drawn)]
    assert sizes
    assert min(sizes) >= 10


def test_the_smaller_teams_are_summed_up_and_nothing_is_lost(many):
    from sim.report.figures.outcomes import _grouped

    table, rows = _grouped(many, 10)
    assert rows[-1] == "37 smaller teams"
    assert table["offered"].sum() == pytest.approx(many.over_time["offered"].sum())
    assert many.cast.colour("service-40") == REST


def test_the_worst_moment_is_the_worst(two):
    rows = two.over_time[(two.over_time["configuration"] == "shared") & (two.over_time["team"] == "checkout")]
    worst = (1 - rows["succeeded"] / rows["offered"]).max()
    assert f"loses {100 * worst:.0f}\u00a0% of its requests" in svg(two, "outcomes")[0].title


def test_titles_say_what_the_summary_says(two):
    assert svg(two, "contention")[0].title == "analytics causes 84\u00a0% of checkout’s loss on the shared key"
    assert svg(two, "attempts")[0].title.startswith("checkout makes 1.94 attempts per request on the shared key")
    p95 = two.summary["configurations"]["shared"]["teams"]["checkout"]["latency_p95_s"]["mean"]
    assert f"{p95:.1f}\u00a0s on the shared key" in svg(two, "latency")[0].title


def test_the_heat_table_holds_the_shares(two):
    shown = texts(svg(two, "contention")[1])
    assert {"84", "71", "29"} <= set(shown)


def test_no_contention_no_chart():
    found = sample.summary()
    for entry in found["contention"].values():
        for form in entry:
            entry[form] = {}
    assert FIGURES["contention"](sample.make(found), WIDE) is None


def test_a_herd_at_one_instant_has_no_amplification_over_time():
    found = sample.summary()
    for side in found["configurations"].values():
        for columns in side["series"]["teams"].values():
            columns["offered"] = [0.0] * 10 + [50.0] * 2 + [0.0] * 48
    assert FIGURES["amplification"](sample.make(found), WIDE) is None


def test_chaos_is_shaded_alike_in_every_chart_over_time(two):
    shades = [re.findall(r'opacity="0\.09"', svg(two, name)[1]) for name in ("outcomes", "amplification")]
    assert [len(found) for found in shades] == [8, 4]


def test_without_caps_there_is_no_chart_of_them():
    assert FIGURES["budgets"](sample.make(), WIDE) is None


def test_the_chart_of_caps_says_which_is_passed_and_by_how_much(two):
    sheet, drawn = svg(two, "budgets")
    assert sheet.title == (
        "On the shared key account:shared goes $4.50 over its cap of $20/day on average, which is 22.5\u00a0%"
    )
    assert {"over by $4.50 (22.5\u00a0%)", "never over"} <= set(texts(drawn))
    assert 'class="f-outcome-failed"' in drawn, "what is over the cap is dark"
    calm = sample.summary(configurations=("projects", "gateway"), capped=True)
    for side in calm["configurations"].values():
        side["budgets"] = [sample.cap("account:x", reserved=True)]
    sheet, drawn = svg(sample.make(calm), "budgets")
    assert sheet.title == "No spend cap is passed: the fullest, account:x with projects, gets to $19.50 of $20/day"
    assert "over by" not in "".join(texts(drawn))


def test_a_heading_stands_only_in_the_file(two):
    sheet, without = svg(two, "cost")
    alone = standalone(without, sheet.title, sheet.subtitle)
    assert sheet.title not in "".join(texts(without))
    assert sheet.title[:30] in " ".join(texts(alone))
    assert ET.fromstring(alone).findtext("s:title", namespaces=NS) == sheet.title


def test_short_paths_are_the_same_paths():
    assert _compact("M 0.04 10 \nL 0.04 20.06 \nL 5 20.06 \nL 5 20.06 \nL 6 3 \nz") == "M0 10V20.1H5L6 3z"


@pytest.mark.parametrize(("value", "above"), [(0, 1), (0.9, 1), (7.2, 8), (12, 15), (101, 150), (1000, 1000)])
def test_round_axis_ends(value, above):
    assert _nice(value) == pytest.approx(above)


def test_long_names_are_cut_in_the_middle():
    assert cut("short", 100) == "short"
    shown = cut("the-team-with-a-very-long-name", 100)
    assert len(shown) <= 16
    assert shown.startswith("the")
    assert shown.endswith("name")
    assert "…" in shown
    assert cut("a\x1b[31mb\nc", 200) == "a [31mb c"
