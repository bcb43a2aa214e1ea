"""The page and the other files of a report: self-contained, escaped, complete, the same each time."""

from __future__ import annotations

import base64
import csv
import dataclasses
import hashlib
import io
import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from sim.errors import BadInput
from sim.report import frame
from sim.report.figures import FIGURES
from sim.report.html_page import policy
from sim.report.markdown import escape
from sim.report.numbers import Stat
from sim.report.page import document
from sim.report.render import render
from sim.report.tables import COLUMNS, mood_of, teams_csv
from sim.report.together import draw_charts
from sim.results.columns import ATTEMPTS, REQUESTS
from sim.results.store import Writer, empty, write_json
from tests.unit import report_sample as sample

DRAWN = len(FIGURES) - 2
"""Figures of a study without spend caps and reviewers."""
SECTIONS = ("capacity", "teams", "charts", "slos", "assumptions", "reproduce", "downloads")
VOID = {"meta", "link", "br", "img", "input", "hr"}
FILES = frozenset({"summary.json", "requests.parquet"})
EVIL = "http://evil.example"


class Reader(HTMLParser):
    """Every element with its attributes and the text inside; complains about tags that do not match."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.open, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def page(study, charts):
    """The page as it is when just FILES are beside it."""
    whole = document(study, charts)
    downloads = tuple(entry for entry in whole.downloads if entry[0] in FILES)
    return frame.html(dataclasses.replace(whole, downloads=downloads))


def markdown(study, charts):
    return frame.markdown(document(study, charts))


def built(found):
    study = sample.make(found)
    charts = draw_charts(study)
    return study, charts, {f"{chart.name}.svg": chart.svg for chart in charts}, page(study, charts)


@pytest.fixture(scope="module")
def two():
    return built(sample.summary())


@pytest.fixture(scope="module")
def hostile():
    return built(sample.summary((*sample.HOSTILE, "=1+1"), ("shared", sample.HOSTILE[1])))


@pytest.mark.parametrize("which", ["two", "hostile"])
def test_well_formed_and_complete(which, request):
    text = request.getfixturevalue(which)[3]
    reader = Reader(text)
    assert text.startswith("<!DOCTYPE html>")
    assert [one["id"] for one in reader.all("section")] == list(SECTIONS)
    assert len(reader.all("h1")) == 1
    assert len(reader.all("figure")) == DRAWN
    ids = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("which", ["two", "hostile"])
def test_nothing_is_fetched(which, request):
    reader = Reader(request.getfixturevalue(which)[3])
    for tag, attributes in reader.elements:
        assert tag not in ("iframe", "object", "embed", "img", "image", "base", "form", "video", "audio", "source")
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        assert "style" not in attributes
        for name in ("src", "href", "xlink:href", "action", "srcset"):
            value = attributes.get(name, "")
            assert not re.match(r"(?i)\s*(https?:|//|javascript:)", value or ""), (tag, value)
    css = re.search(r"<style>(.*?)</style>", request.getfixturevalue(which)[3], re.S)
    assert css
    assert "url(" not in css[1]
    assert "@import" not in css[1]


def test_the_policy_allows_just_what_is_inside(two):
    text = two[3]
    reader = Reader(text)
    (content,) = [one["content"] for one in reader.all("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    assert content.startswith("default-src 'none'")
    assert "unsafe" not in content
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.S)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in content
    assert policy("other") != content


def test_hostile_names_are_text(hostile):
    text = hostile[3]
    reader = Reader(text)
    assert len(reader.all("script")) == 1
    assert '<script>alert("x")' not in text
    assert any('<script>alert("x")</script>' in found for found in reader.texts)
    assert "&lt;script&gt;alert(" in text


@pytest.mark.parametrize("which", ["two", "hostile"])
def test_each_drawing_is_valid_and_told_in_words(which, request):
    text = request.getfixturevalue(which)[3]
    drawings = re.findall(r"<svg .*?</svg>", text, re.S)
    told = 0
    for drawing in drawings:
        root = ET.fromstring(drawing)
        hidden = root.get("aria-hidden") == "true"
        assert hidden or len(root.get("aria-label", "")) > 30
        told += not hidden
    assert told == DRAWN * 3


def test_charts_open_with_their_finding(two):
    study, charts, _, text = two
    reader = Reader(text)
    assert len(reader.all("h3")) == len(charts)
    for chart in charts:
        assert chart.title in "".join(reader.texts)
        assert chart.subtitle in "".join(reader.texts)
    assert study.answer.headline in "".join(reader.texts)


def test_tables_hold_the_numbers(two):
    study, _, _, text = two
    joined = " ".join("".join(Reader(text).texts).split())
    for shown in ("68.6 % ± 2.1", "99.80 % ± 0.07", "+31.2 points ± 2.0", "$8.52", "60 requests/min", "48,120 planned"):
        assert shown in joined, shown
    assert "analytics runs away, 600/min (0:30–0:50)" in joined
    assert "✗ missed" in joined
    assert "✓ met" in joined
    assert "keystorm compare scenarios/noisy-neighbour.yaml --out 'reports/it'\"'\"'s'" in joined
    assert "12 of 8,819 rows skipped" in joined
    assert study.summary["checks"]["digest"] in joined


def test_cells_carry_numbers_to_sort_by(two):
    cells = [one for one in Reader(two[3]).all("td") if one.get("class") == "n"]
    metrics = [one for one in cells if one["data-label"] in {column.label for column in COLUMNS}]
    assert len(metrics) == 6 * len(COLUMNS)
    assert all(float(one["data-sort"]) >= 0 for one in cells)


def test_downloads_name_only_what_is_there(two):
    links = [one["href"] for one in Reader(two[3]).all("a")]
    assert links == ["summary.json", "requests.parquet", "figures/"]


def test_light_and_dark_have_the_same_variables(two):
    css = re.search(r"<style>(.*?)</style>", two[3], re.S)
    assert css
    light, dark = re.findall(r":root\{(--ink:[^}]*)\}", css[1])
    names = [re.findall(r"(--[\w-]+):", block) for block in (light, dark)]
    assert names[0] == names[1]
    assert light != dark


def test_a_large_study_stays_small():
    text = built(sample.summary(sample.TEN, sample.RUNGS))[3]
    assert len(text.encode()) < 2_200_000


def test_smaller_teams_fold_away():
    text = page(sample.make(sample.summary(sample.forty_seven())), [])
    reader = Reader(text)
    assert len(reader.all("details")) == 1
    assert "37 smaller teams" in "".join(reader.texts)
    assert all(any(name in found for found in reader.texts) for name in sample.forty_seven())


def test_one_configuration():
    text = page(sample.make(sample.summary(configurations=("shared",), single=True)), [])
    joined = "".join(Reader(text).texts)
    assert "paired difference" not in joined
    assert "One replication only" in joined


def test_no_objectives_say_how_to_write_one():
    found = sample.summary()
    found["slos"] = []
    assert "The scenario states none" in page(sample.make(found), [])


def test_markdown_says_the_same(two):
    study, charts, files, _ = two
    text = markdown(study, charts)
    assert study.answer.headline.replace("~", "\\~") in text
    for chart in charts:
        assert f"](figures/{chart.name}.svg)" in text
        assert f"{chart.name}.svg" in files
    rows = [line for line in text.splitlines() if line.startswith("| checkout |")]
    assert len(rows) == 2
    assert len({line.count("|") for line in rows}) == 1
    assert "68.6\u00a0% ±\u00a02.1" in rows[0]


def test_markdown_escapes(hostile):
    study, charts, _, _ = hostile
    text = markdown(study, charts)
    assert "<script" not in text.replace("\\<script", "")
    assert not re.search(r"(?<!\\)\]\(http", text)
    head, *rows = [line for line in text.splitlines() if line.startswith("| ") and "alert" in line]
    cells = [len(re.findall(r"(?<!\\)\|", line)) for line in (head, *rows)]
    assert set(cells) == {6, 9}, "the table of objectives and the table of teams"
    assert escape("a|b\n*c*") == "a\\|b \\*c\\*"


def test_csv_holds_every_metric_and_no_formula(hostile):
    study = hostile[0]
    rows = list(csv.DictReader(io.StringIO(teams_csv(study.summary))))
    side = study.summary["configurations"]["shared"]
    expected = 2 * (sum(len(metrics) for metrics in side["teams"].values()) + len(side["total"]))
    assert len(rows) == expected
    assert {row["team"] for row in rows} == {*sample.HOSTILE, "'=1+1", "(all teams)"}
    row = next(row for row in rows if row["metric"] == "success_rate")
    assert float(row["mean"]) == side["teams"][row["team"]]["success_rate"]["mean"]


@pytest.mark.parametrize(
    ("change", "better", "mood"),
    [
        (Stat(0.3, 0.2, 0.4), 1, "good"),
        (Stat(0.3, 0.2, 0.4), -1, "bad"),
        (Stat(-0.3, -0.4, -0.2), -1, "good"),
        (Stat(0.3, -0.1, 0.7), 1, "same"),
        (Stat(0.3, 0.2, 0.4), 0, "plain"),
        (Stat(0.3, -0.1, 0.7), 0, "same"),
        (Stat(0.3, 0.2, 0.4), None, ""),
        (Stat(float("nan")), 1, ""),
    ],
)
def test_moods(change, better, mood):
    assert mood_of(change, better) == mood


def request_rows(rng, name, team, count):
    arrival = np.sort(rng.integers(0, 7_200_000_000_000, count))
    frame = pd.DataFrame({column.name: 0 for column in REQUESTS}, index=range(count))
    frame = frame.assign(arrival_ns=arrival, finish_ns=arrival + rng.integers(10**9, 10**10, count), attempts=1)
    fixed = {
        "configuration": name, "team": team, "key": "a/p/k", "model": "m", "origin": "workload",
        "outcome": "succeeded", "refused_by": "",
    }  # fmt: skip
    return frame.assign(**fixed)


def typed(frame, columns):
    kinds = {column.name: column.type for column in columns}
    return frame[list(kinds)].astype(kinds)


@pytest.fixture
def folder(tmp_path):
    found = sample.summary()
    rng = np.random.default_rng(3)
    frames = [request_rows(rng, name, team, 40) for name in found["configurations"] for team in sample.TEN[:2]]
    requests = typed(pd.concat(frames, ignore_index=True).assign(request=range(160)), REQUESTS)
    with Writer(tmp_path) as writer:
        writer.add(requests, empty(ATTEMPTS))
        writer.commit()
    write_json(tmp_path / "summary.json", found)
    write_json(tmp_path / "manifest.json", sample.manifest(found))
    return tmp_path


def contents(path):
    return {str(one.relative_to(path)): one.read_bytes() for one in path.rglob("*") if one.is_file()}


def test_render_writes_everything_and_twice_the_same(folder):
    assert render(folder) == folder / "report.html"
    first = contents(folder)
    charts = ("amplification", "attempts", "contention", "cost", "latency", "outcomes")
    wanted = {"report.html", "report.md", "teams.csv", *(f"figures/{name}.svg" for name in charts)}
    assert wanted <= set(first)
    for name in charts:
        ET.fromstring(first[f"figures/{name}.svg"])
    (folder / "figures" / "old.svg").write_text("<svg/>")
    render(folder)
    assert contents(folder) == first
    links = [one["href"] for one in Reader(first["report.html"].decode()).all("a")]
    assert {"attempts.parquet", "teams.csv", "manifest.json", "report.md"} <= set(links)


def test_the_latency_figure_reads_the_summary(two):
    study = two[0]
    wanted = study.summary["configurations"]["projects"]["latency_quantiles_s"]["teams"]["checkout"]
    table = study.quantiles[(study.quantiles["team"] == "checkout") & (study.quantiles["configuration"] == "projects")]
    assert table["latency_s"].to_list() == wanted
    assert table["quantile"].to_list() == [0.05, 0.25, 0.5, 0.75, 0.95, 0.99]


def test_a_team_without_a_success_has_no_latency():
    found = sample.summary()
    found["configurations"]["shared"]["latency_quantiles_s"]["teams"]["checkout"] = [None] * 6
    table = sample.make(found).quantiles
    assert set(table.loc[table["configuration"] == "shared", "team"]) == {"analytics"}


def test_a_study_that_kept_no_rows_has_its_report(folder):
    for name in ("requests.parquet", "attempts.parquet"):
        (folder / name).unlink()
    reader = Reader(render(folder).read_text("utf-8"))
    assert len(reader.all("figure")) == DRAWN
    assert "requests.parquet" not in [one["href"] for one in reader.all("a")]


def test_a_folder_without_a_study_is_told(tmp_path):
    with pytest.raises(BadInput, match=r"summary\.json"):
        render(tmp_path)
    (tmp_path / "summary.json").write_text("{")
    with pytest.raises(BadInput, match="not valid JSON"):
        render(tmp_path)


def test_a_finished_summary_survives_json(two):
    assert json.loads(json.dumps(two[0].summary)) == two[0].summary


# Budgets


def test_caps_have_a_section_of_their_own_before_the_reasons():
    _, charts, _, text = built(sample.summary(capped=True))
    reader = Reader(text)
    ids = [attributes.get("id") for attributes in reader.all("section")]
    assert ids.index("teams") < ids.index("budgets") < ids.index("charts")
    shown = " ".join(" ".join(reader.texts).split())
    assert "On the shared key the alert at 80 % comes 20 minutes before the cap bites." in shown
    assert "in 90 % of replications" in shown, "where a cap is not always reached"
    assert [chart.name for chart in charts].count("budgets") == 1
    assert len(reader.all("figure")) == DRAWN + 1


def test_caps_that_nobody_comes_near_stand_behind_the_reasons():
    found = sample.summary(capped=True)
    for side in found["configurations"].values():
        for cap in side["budgets"]:
            cap["spend_usd"] = {"mean": 0.5 * cap["cap_usd"]}
    ids = [attributes.get("id") for attributes in Reader(built(found)[3]).all("section")]
    assert ids.index("charts") < ids.index("budgets") < ids.index("slos")


def test_without_caps_there_is_no_such_section(two):
    assert "budgets" not in [attributes.get("id") for attributes in Reader(two[3]).all("section")]


def test_a_study_that_kept_no_attempts_says_that_it_can_t_tell():
    found = sample.summary(capped=True)
    for side in found["configurations"].values():
        side["budgets"] = [
            {key: side["budgets"][0][key] for key in ("name", "per", "cap_usd", "mode")} | {"known": False}
        ]
    study, charts, _, text = built(found)
    said = " ".join(" ".join(Reader(text).texts).split())
    assert "this study kept none of “shared” and “projects”. Run it again with --rows attempts." in said
    assert "budgets" not in [chart.name for chart in charts]
    assert "rows attempts" in markdown(study, charts)
