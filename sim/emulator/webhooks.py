"""``spend.threshold`` webhooks: told once when a cap reaches a share of its amount, with bounded retries."""

from __future__ import annotations

import asyncio
import ipaddress
import uuid
from collections import deque
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from sim.emulator.site import Crossing, Site
from sim.errors import BadInput
from sim.units import MICRO, SECOND

TRIES, FIRST_WAIT, TIMEOUT = 4, 0.5, 5.0
"""Four tries, 0.5, 1 and 2 seconds apart."""
MOST_HOOKS, MOST_WAITING, KEPT = 20, 1000, 50


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its own name or address; nothing is looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked(url: str, *, anywhere: bool) -> str:
    """A URL that webhooks may go to. Raises BadInput."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        host, parts = "", urlsplit("")
    if parts.scheme not in ("http", "https") or not host:
        raise BadInput("not a webhook's URL", place="webhook", value=repr(url), hint="as http://127.0.0.1:9000/hook")
    if not anywhere and not is_loopback(host):
        hint = "start the server with --allow-remote-webhooks to send to other machines"
        raise BadInput("webhooks go to this machine only", place="webhook", value=repr(url), hint=hint)
    return url


class Webhooks:
    """Where events go, those under way, and how the last ones ended."""

    def __init__(self, site: Site, urls: list[str], *, anywhere: bool = False) -> None:
        self.anywhere = anywhere
        self.urls = [checked(url, anywhere=anywhere) for url in urls]
        self.sent: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._site = site
        self._tasks: set[asyncio.Task[None]] = set()
        site.on_crossing = self.tell

    def add(self, url: str) -> None:
        """Send to one more URL. Raises BadInput."""
        if len(self.urls) >= MOST_HOOKS:
            raise BadInput("too many webhooks", place="webhook", value=str(len(self.urls)), hint="remove one first")
        if checked(url, anywhere=self.anywhere) not in self.urls:
            self.urls.append(url)

    def remove(self, url: str) -> None:
        """Do not send there any more."""
        self.urls = [one for one in self.urls if one != url]

    def tell(self, crossing: Crossing) -> None:
        """Send an event to every URL, in the background."""
        event = self._event(crossing)
        for url in self.urls:
            if len(self._tasks) < MOST_WAITING:
                task = asyncio.get_running_loop().create_task(self._deliver(url, event))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    def _event(self, crossing: Crossing) -> dict[str, Any]:
        date = datetime.fromtimestamp(self._site.clock.today() / SECOND, UTC)
        return {
            "id": f"evt_{uuid.uuid4().hex}", "type": "spend.threshold", "created_at": date.isoformat(),
            "data": {
                "scenario": self._site.loaded.scenario.name, "configuration": self._site.configuration,
                "cap": crossing.cap, "threshold": crossing.share, "spent_usd": crossing.spent_microusd / MICRO,
                "cap_usd": crossing.cap_microusd / MICRO, "teams": list(crossing.teams),
                "at_s": crossing.at_ns / SECOND,
            },
        }  # fmt: skip

    async def _deliver(self, url: str, event: dict[str, Any]) -> None:
        entry: dict[str, Any] = {"event": event, "url": url, "tries": 0, "delivered": False, "last": ""}
        self.sent.append(entry)
        async with httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False, trust_env=False) as client:
            for number in range(TRIES):
                if number:
                    await asyncio.sleep(FIRST_WAIT * 2 ** (number - 1))
                entry["tries"] = number + 1
                try:
                    answer = await client.post(url, json=event)
                except httpx.HTTPError as error:
                    entry["last"] = type(error).__name__
                    continue
                entry["last"], entry["delivered"] = str(answer.status_code), answer.is_success
                if answer.is_success or answer.status_code == httpx.codes.GONE:
                    return

    async def close(self) -> None:
        """Give up on what is under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
