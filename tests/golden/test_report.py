"""A small report, made again and compared with the one that is kept: ``make golden`` writes it anew."""

from __future__ import annotations

import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from sim.scenario.loader import load
from sim.study.compare import Options, compare
from sim.study.progress import Silent

HERE = Path(__file__).parent
KEPT = HERE / "kept"
_VERSIONS = re.compile(r"^.*(versions|keystorm</|python 3).*$", re.MULTILINE)


class _Text(HTMLParser):
    """The words of a page, a line an element; neither styles nor scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.hidden += tag in ("style", "script")

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in ("style", "script")

    def handle_data(self, data: str) -> None:
        if data.strip() and not self.hidden:
            self.lines.append(" ".join(data.split()))


def words_of(page: str) -> str:
    reader = _Text()
    reader.feed(page)
    return "\n".join(reader.lines) + "\n"


def unversioned(text: str) -> str:
    """Without the lines that name versions: they change with every upgrade and say nothing here."""
    return _VERSIONS.sub("", text)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("golden")
    compare(load(HERE / "scenario.yaml"), Options(out=out, command=("keystorm", "compare", "scenario.yaml")), Silent())
    texts = {
        "summary.json": (out / "summary.json").read_text("utf-8"),
        "report.md": unversioned((out / "report.md").read_text("utf-8")),
        "report.txt": unversioned(words_of((out / "report.html").read_text("utf-8"))),
    }
    if os.environ.get("KEYSTORM_GOLDEN") == "write":
        KEPT.mkdir(exist_ok=True)
        for name, text in texts.items():
            (KEPT / name).write_text(text, "utf-8")
    return texts


def numbers_apart(value: Any, path: str, found: dict[str, float]) -> Any:
    """The same with numbers taken out into ``found``, so that they can be compared with a tolerance."""
    if isinstance(value, dict):
        return {key: numbers_apart(item, f"{path}/{key}", found) for key, item in value.items()}
    if isinstance(value, list):
        return [numbers_apart(item, f"{path}/{at}", found) for at, item in enumerate(value)]
    if isinstance(value, float):
        found[path] = value
        return "number"
    return value


def test_the_summary_is_the_kept_one(made: dict[str, str]) -> None:
    old: dict[str, float] = {}
    new: dict[str, float] = {}
    kept = numbers_apart(json.loads((KEPT / "summary.json").read_text("utf-8")), "", old)
    assert numbers_apart(json.loads(made["summary.json"]), "", new) == kept
    assert new == pytest.approx(old, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", ["report.md", "report.txt"])
def test_the_words_are_the_kept_ones(made: dict[str, str], name: str) -> None:
    assert made[name] == (KEPT / name).read_text("utf-8")


def test_the_report_is_made_again_from_the_tables_alone(tmp_path: Path) -> None:
    from sim.report.render import render

    compare(load(HERE / "scenario.yaml"), Options(out=tmp_path), Silent())
    files = [tmp_path / "report.html", tmp_path / "report.md", *sorted((tmp_path / "figures").glob("*.svg"))]
    first = [path.read_bytes() for path in files]
    assert len(files) >= 7
    for path in files:
        path.unlink()
    render(tmp_path)
    assert [path.read_bytes() for path in files] == first
