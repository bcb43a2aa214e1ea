"""One request from its first byte to its answer: who, what, may it, wait, answer. Raw ASGI, the hot path.

A dialect (:mod:`sim.emulator.anthropic`, :mod:`sim.emulator.openai`) says how things look; what is
decided comes from :mod:`sim.emulator.decisions`. Waiting is listening: until an answer is due the
exchange waits for the client to hang up, which settles the attempt as in the simulation.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from starlette.types import Scope

from sim.chaos.base import OWN
from sim.draws import MASK62
from sim.emulator import answers, refusals
from sim.emulator.answers import JSON
from sim.emulator.bodies import MAX_BODY, Trouble, Wanted, parse
from sim.emulator.decisions import Attempt, Sizes, decode
from sim.emulator.faults import Active
from sim.emulator.journal import Row
from sim.emulator.keyring import KeyRecord
from sim.emulator.site import Site
from sim.emulator.wire import Gone, line_of
from sim.results.columns import STATUS_CONNECTION, STATUS_OK, STATUS_TIMEOUT
from sim.workload import plan_header
from sim.workload.plan_header import PlannedAttempt

TEAM = b"x-keystorm-team"
_PLAN = plan_header.NAME.encode()
_NOBODY = KeyRecord(-1, "", "", "", ())
BACK_NS = 1_000_000
"""Wall time by which an answer leaves ahead: a loop's timer is late by most of it, its way back takes the rest."""
_AGENT = 200
"""Characters of a user agent that are kept."""


class Exchange:
    """One request and its answer. ``api`` is the name of what is called, as the log has it."""

    __slots__ = (
        "api", "asked", "at", "attempt", "dialect", "fault", "headers", "key", "line", "model", "number", "plan",
        "site", "team", "wanted",
    )  # fmt: skip

    def __init__(self, site: Site, dialect: ModuleType, api: str, scope: Scope) -> None:
        self.site, self.dialect, self.api = site, dialect, api
        self.line = line_of(scope)
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.number = site.next_id()
        self.key, self.team, self.model = _NOBODY, "", ""
        self.plan: PlannedAttempt | None = None
        self.attempt: Attempt | None = None
        self.wanted: Wanted | None = None
        self.fault: Active | None = None
        self.asked: Sizes | None = None
        self.at = site.clock.now()

    # Who and what

    def identify(self) -> None:
        """Find the key, the team and the plan's row in the headers. Raises Trouble."""
        headers, site = self.headers, self.site
        secret = headers.get(b"x-api-key")
        if secret is None:
            given = headers.get(b"authorization", b"")
            secret = given[7:] if given[:7].lower() == b"bearer " else None
        if not secret:
            raise Trouble(401, refusals.NO_KEY[self.dialect.NAME])
        found = site.keyring.find(secret.strip().decode("latin-1"), self.at)
        if found is None:
            raise Trouble(401, refusals.BAD_KEY[self.dialect.NAME])
        self.key, self.team = found, found.team
        if _PLAN in headers:
            try:
                self.plan = plan_header.read(headers[_PLAN].decode("latin-1"))
            except ValueError as error:
                raise Trouble(400, f"{plan_header.NAME}: {error}") from None
            self._of_team(self.plan.team, plan_header.NAME)
        elif TEAM in headers:
            self._of_team(headers[TEAM].decode("utf-8", "replace"), TEAM.decode())

    def _of_team(self, name: str, place: str) -> None:
        if name not in self.site.teams:
            raise Trouble(400, f"{place}: no team {name[:80]!r} in this scenario")
        self.team = name

    async def body(self) -> bytes:
        """The whole body. Raises Trouble 413 and Gone."""
        found = await self.line.body(MAX_BODY)
        if len(found) > MAX_BODY:
            raise Trouble(413, f"Request exceeds the maximum size of {MAX_BODY // 1024 // 1024} MB.")
        return found

    def understand(self, body: bytes, *, counting: bool = False) -> Wanted:
        """What is wanted, of a model that is known. Raises Trouble."""
        wanted: Wanted = self.dialect.read(parse(body), self.headers, counting=counting)
        if wanted.model not in self.site.models:
            raise refusals.unknown_model(wanted.model, list(self.site.models))
        self.model, self.wanted = wanted.model, wanted
        return wanted

    def sizes(self, wanted: Wanted) -> Sizes:
        """Tokens: those of the plan's row where there is one."""
        if self.plan is not None:
            uncached, cached, output = self.plan.input - self.plan.cached, self.plan.cached, self.plan.output
        else:
            uncached, cached, output = wanted.input_tokens, 0, self.site.usual_output
        most = wanted.max_tokens
        return Sizes(uncached, cached, output if most is None else min(output, most), output if most is None else most)

    # The course of things

    async def answer(self) -> None:
        """Answer a request for a message."""
        try:
            body = await self.body()
            self.at = self.site.clock.now()
            self.identify()
            wanted = self.understand(body)
            del body
            await self._decide(wanted)
        except Trouble as trouble:
            await self.refuse(trouble)
        except Gone:
            return

    async def _decide(self, wanted: Wanted) -> None:
        site, plan = self.site, self.plan
        sizes = self.asked = self.sizes(wanted)
        draw = site.next_luck() if plan is None else plan.draw & MASK62
        request = site.decisions.request(
            self.key.number, site.team_number(self.team), site.models[wanted.model], sizes, draw,
            OWN if plan is None else plan.origin,
        )  # fmt: skip
        attempt = self.attempt = site.decisions.begin(request, self.try_number(), self.at, self._late())
        if not attempt.admitted:
            await self._refused(attempt)
            return
        site.tally.in_flight += 1
        try:
            if site.faults.wired:
                self.fault = site.faults.on_wire(site.decisions.ask(attempt), self.at)
            await self._wait_for_slot(attempt)
            await (answers.streamed if wanted.stream else answers.whole)(self, attempt)
        except Gone:
            self.settle(STATUS_TIMEOUT)
        finally:
            site.tally.in_flight -= 1
            if site.decisions.under_way(attempt):  # the server ends, or something went wrong
                site.decisions.end(attempt, STATUS_TIMEOUT, site.clock.now())

    def _late(self) -> int:
        """How much of its answer's time the ways there and back take: they are a part of it, and add nothing."""
        if self.plan is None or self.plan.at == plan_header.UNSAID:
            return 0
        back = BACK_NS * self.site.clock.speed.numerator // self.site.clock.speed.denominator
        return max(0, self.at + back - self.plan.at)

    def try_number(self) -> int:
        """Which try of its request this is, 0 for the first: the plan says it, or the official clients do."""
        if self.plan is not None:
            return self.plan.attempt
        said = self.headers.get(b"x-stainless-retry-count", b"0")
        return int(said) if said.isdigit() and len(said) < 4 else 0

    async def _refused(self, attempt: Attempt) -> None:
        call, site = attempt.call, self.site
        name = decode(site.decisions.refusers, call.refused_by)
        injected = site.faults.refused(call.refused_by)
        try:
            await self.until(attempt.ends_at)
        except Gone:
            site.record(self.row(call.status, site.clock.now(), name, call.retry_after))
            raise
        if call.status == STATUS_CONNECTION:
            site.record(self.row(call.status, site.clock.now(), name))
            await self.line.reset()
            return
        trouble = refusals.of(site, self.dialect.NAME, call.status, name, call.retry_after, self.model, injected)
        extra = refusals.head(site, call.retry_after, injected)
        await self.refuse(trouble, name, call.retry_after, extra)

    async def _wait_for_slot(self, attempt: Attempt) -> None:
        if attempt.ends_at >= 0:
            return

        attempt.wake = self.line.wake
        while attempt.ends_at < 0:
            await self.line.wait(None)
        if not self.site.decisions.under_way(attempt):
            raise Trouble(503, "The server was reset while this request waited.")

    # Waiting

    async def until(self, virtual: int) -> None:
        """Wait for a virtual time. Raises Gone when the client hangs up first."""
        await self.line.wait(self.site.clock.due(virtual))

    # The end

    def settle(self, status: int) -> tuple[int, int]:
        """End an admitted attempt now, and log it; (output tokens, micro-dollars)."""
        site, attempt = self.site, self.attempt
        if attempt is None or not site.decisions.under_way(attempt):
            return 0, 0
        now = site.clock.now()
        output, spent = site.decisions.end(attempt, status, now)
        site.record(self.row(status, now, output=output, cost=spent), self.key.number)
        return output, spent

    def row(self, status: int, now: int, refuser: str = "", after: int = -1, output: int = 0, cost: int = 0) -> Row:
        """This request as a line of the log."""
        plan, sizes, key = self.plan, self.asked or Sizes(0, 0, 0, 0), self.key
        fault = "" if self.fault is None else self.fault.kind
        agent = self.headers.get(b"user-agent", b"")[:_AGENT].decode("latin-1")
        return Row(
            self.number, self.site.clock.today(), self.api, key.account, key.project, key.name, self.team, self.model,
            -1 if plan is None else plan.request, self.try_number(), self.at, now, status, refuser, after,
            sizes.uncached, sizes.cached, output, cost, int(self.wanted is not None and self.wanted.stream),
            fault, agent,
        )  # fmt: skip

    async def refuse(self, trouble: Trouble, refuser: str = "", after: int = -1, extra: str = "") -> None:
        """Log and send an error; ``extra`` is header lines."""
        now = self.site.clock.now()
        self.site.record(self.row(trouble.status, now, refuser, after))
        if refuser:
            extra += f"x-keystorm-refused-by: {refuser}\r\n"
        if trouble.status == 413:
            extra += "connection: close\r\n"
        body = self.dialect.error(trouble, f"req_{self.number}")
        await self.line.reply(trouble.status, f"{JSON}{self.head(now)}{extra}", body)

    def head(self, now: int) -> str:
        """Header lines that every answer of the dialect carries: its number, and what is left of the limits."""
        site = self.site
        found: str = self.dialect.common_head(f"req_{self.number}", self.key.account, now - self.at)
        if self.model:
            found += site.quotas.head(self.dialect, self.key.number, site.models[self.model], now)
        return found

    async def reply(self, status: int, body: bytes) -> None:
        """Send a whole answer."""
        await self.line.reply(status, JSON + self.head(self.site.clock.now()), body)

    async def count(self) -> None:
        """Answer a request to count tokens."""
        site = self.site
        try:
            body = await self.body()
            self.at = site.clock.now()
            self.identify()
            wanted = self.understand(body, counting=True)
            team, model = site.team_number(self.team), site.models[wanted.model]
            request = site.decisions.request(self.key.number, team, model, Sizes(0, 0, 0, 0), site.next_luck())
            status, refuser, after = site.decisions.count_tokens(request, self.at)
            if status != STATUS_OK:
                name, injected = decode(site.decisions.refusers, refuser), site.faults.refused(refuser)
                trouble = refusals.of(site, self.dialect.NAME, status, name, after, self.model, injected)
                await self.refuse(trouble, name, after, refusals.head(site, after, injected))
                return
            site.record(self.row(status, site.clock.now()))
            await self.reply(status, b'{"input_tokens":%d}' % wanted.input_tokens)
        except Trouble as trouble:
            await self.refuse(trouble)
        except Gone:
            return


def problem_of(error: Exception) -> dict[str, Any]:
    """An error of the control plane as JSON."""
    return {"error": {"type": "bad_input", "message": str(error)}}
