"""A headless Chromium by its DevTools protocol: open a page, ask it things while it lives."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import websocket

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium here (.ci/run installs it)")
PATIENCE_S = 60


class Page:
    """One open page. ``events`` are the DevTools events that came while it was asked something."""

    def __init__(self, address: str) -> None:
        self._socket = websocket.create_connection(address, timeout=PATIENCE_S, suppress_origin=True)
        self._serial = 0
        self.events: list[dict[str, Any]] = []

    def command(self, method: str, **params: Any) -> Any:
        """Do something; its result."""
        self._serial += 1
        self._socket.send(json.dumps({"id": self._serial, "method": method, "params": params}))
        while (answer := json.loads(self._socket.recv())).get("id") != self._serial:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def ask(self, expression: str) -> Any:
        """The value of an expression in the page."""
        return self.command("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """The value of an expression once it is true. Fails with the page's text when it never is."""
        end = time.monotonic() + PATIENCE_S
        while not (found := self.ask(expression)):
            assert time.monotonic() < end, (expression, self.ask("document.body.innerText"))
            time.sleep(0.05)
        return found

    def go(self, url: str) -> None:
        """Open a page here."""
        self.command("Page.navigate", url=url)

    def close(self) -> None:
        """Let go of it."""
        self._socket.close()


@contextmanager
def browser(folder: Path, *more: str) -> Iterator[Page]:
    """A browser with an empty page, ended by the block."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", *more,
               f"--user-data-dir={folder}", "about:blank"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            page = Page(_address(folder))
            yield page
            page.close()
        finally:
            running.terminate()
            running.wait(PATIENCE_S)


def _address(folder: Path) -> str:
    """Where the empty page listens."""
    told, end = folder / "DevToolsActivePort", time.monotonic() + PATIENCE_S
    while not told.exists() or not told.read_text("utf-8").strip():
        assert time.monotonic() < end, "the browser does not start"
        time.sleep(0.05)
    with urlopen(f"http://127.0.0.1:{told.read_text('utf-8').split()[0]}/json/list") as answer:
        return str(next(one for one in json.load(answer) if one["type"] == "page")["webSocketDebuggerUrl"])
