"""An answered request leaves nothing for the garbage collector, which would stop all that are in flight to find it."""

from __future__ import annotations

import gc
from collections import Counter

import httpx
import pytest

from tests.emulator.server import VERSION, Served, message


@pytest.mark.parametrize("stream", [False, True])
def test_no_cycle_is_left_behind(served: Served, stream: bool) -> None:
    headers = {"x-api-key": served.secret("data"), **VERSION}
    with httpx.Client(trust_env=False, timeout=10) as client:

        def ask(times: int) -> None:
            for _ in range(times):
                assert client.post(f"{served.url}/v1/messages", json=message(stream=stream), headers=headers).is_success

        ask(3)
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            ask(10)
            gc.collect()
            left = Counter(type(one).__module__.split(".")[0] for one in gc.garbage)
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
    assert left["sim"] == left["uvicorn"] == left["asyncio"] == 0, left
