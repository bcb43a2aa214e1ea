"""The dashboard in a real browser: it loads, shows what happened, and follows requests as they come."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.emulator.browser import Page, browser, needs_browser
from tests.emulator.server import Served, anthropic_headers, message, serving

TEXT = "document.body.innerText"
TILES = (
    "Object.fromEntries([...document.querySelectorAll('#tiles div')]"
    ".map(one => [one.children[0].innerText, one.children[1].innerText]))"
)


def answered(page: Page, count: int) -> None:
    """Wait until the page says that so many requests were answered."""
    page.wait_for(f"({TILES})['answered'] === '{count}'")


@needs_browser
def test_the_dashboard_follows_requests_as_they_come(served: Served, tmp_path: Path) -> None:
    kinds = (("data", message()), ("storefront", message()), ("data", message(model="slotted")))
    with browser(tmp_path) as page:
        page.go(f"{served.url}/keystorm/")
        answered(page, 0)
        assert "live" in page.ask(TEXT) and "desk" in page.ask("document.title")
        sent = []
        for count in range(1, 13):
            project, said = kinds[count % 3]
            if count == 6:  # the project's own limit refuses by the clock, which a busy machine stretches
                served.inject(refuse={"status": 429, "project": "storefront"})
            answer = served.call("POST", "/v1/messages", said, headers=anthropic_headers(served, project))
            sent.append(answer.status_code)
            answered(page, count)
        tiles, text = page.ask(TILES), page.ask(TEXT)
        bars = page.ask("document.querySelectorAll('#seconds rect').length")
    assert tiles["rate limited (429)"] == str(sent.count(429)) and sent.count(429) >= 2
    assert tiles["failed otherwise"] == str(sent.count(403)) == "4"
    assert "model:not_allowed 4" in text and "injected:refuse 2" in text
    assert re.search(r"project:acme/storefront\s+\$0\.\d+ of \$1\.00/month", text), "spend by cap"
    assert bars >= 1


@needs_browser
def test_faults_are_started_and_stopped_from_the_page(served: Served, tmp_path: Path) -> None:
    with browser(tmp_path) as page:
        page.go(f"{served.url}/keystorm/")
        answered(page, 0)
        page.ask("document.getElementById('inject').click()")
        page.wait_for("!!document.querySelector('#faults button')")
        assert [one["kind"] for one in served.call("GET", "/keystorm/faults").json()["faults"]] == ["storm"]
        page.ask("document.querySelector('#faults button').click()")
        page.wait_for("!document.querySelector('#faults button')")
    assert served.call("GET", "/keystorm/faults").json()["faults"] == []


@needs_browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_nothing_is_wider_than_the_window(served: Served, tmp_path: Path, width: int, scheme: str) -> None:
    served.call("POST", "/v1/messages", message(), headers=anthropic_headers(served))
    with browser(tmp_path) as page:
        page.command("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        page.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        page.go(f"{served.url}/keystorm/")
        answered(page, 1)
        assert page.ask("document.documentElement.scrollWidth") <= width
        ground = page.ask("getComputedStyle(document.body).backgroundColor")
    lightness = sum(map(int, re.findall(r"\d+", ground)[:3]))
    assert lightness > 600 if scheme == "light" else lightness < 150


@needs_browser
def test_the_dashboard_says_when_the_token_is_missing_and_uses_it(tmp_path: Path) -> None:
    with serving(tmp_path / "data", token="let-me-in") as served, browser(tmp_path / "profile") as page:
        page.go(f"{served.url}/keystorm/")
        page.wait_for(f"{TEXT}.includes('a token is needed')")
        page.go("about:blank")
        page.go(f"{served.url}/keystorm/#token=let-me-in")
        answered(page, 0)


def test_the_page_needs_nothing_from_elsewhere(served: Served) -> None:
    page = served.call("GET", "/keystorm/")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for path in ("", "dashboard.css", "dashboard.js"):
        text = served.call("GET", f"/keystorm/{path}").text
        assert not re.findall(r"""(?:src|href)=["']?https?:|url\(|@import|//[a-z]+\.[a-z]+/(?!2000/svg)""", text)
    assert "innerHTML" not in served.call("GET", "/keystorm/dashboard.js").text, "text is set as text"


def test_a_name_with_markup_does_no_harm() -> None:
    script = Path(__file__).parents[2].joinpath("sim/emulator/static/dashboard.js").read_text("utf-8")
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|eval\(", script)


def test_the_event_stream_has_one_event_for_what_came_together(served: Served) -> None:
    import httpx

    with httpx.stream("GET", f"{served.url}/keystorm/events", trust_env=False, timeout=20) as stream:
        lines = stream.iter_lines()
        first = next(line for line in lines if line.startswith("data: "))
        assert '"answered": 0' in first
        served.call("POST", "/v1/messages", message(), headers=anthropic_headers(served))
        second = next(line for line in lines if line.startswith("data: ") and '"answered": 1' in line)
    assert "ks-test-" not in first + second, "the stream has no secrets"


def test_every_preset_of_the_page_is_a_fault(served: Served) -> None:
    script = Path(__file__).parents[2].joinpath("sim/emulator/static/dashboard.js").read_text("utf-8")
    presets = re.findall(r"^  \[\"[^\"]+\", (\{.*\})\],$", script, re.MULTILINE)
    assert len(presets) >= 9
    for preset in presets:
        said = json.loads(re.sub(r"(\w+):", r'"\1":', preset))
        assert served.call("POST", "/keystorm/faults", said).status_code == 201, preset
