"""One server for the tests of a module that do not mind each other; each starts it anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("uvicorn", reason="the extra `serve` is not installed")

from tests.emulator.server import Served, serving


@pytest.fixture(scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(Path(tmp_path_factory.mktemp("serve"))) as served:
        yield served


@pytest.fixture
def served(_running: Served) -> Served:
    """A server without a past."""
    assert _running.call("POST", "/keystorm/reset", {}).status_code == 200
    return _running
