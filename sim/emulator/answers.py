"""How an admitted request is answered: whole or as a stream, at the pace of its luck, or as a fault has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sim.emulator.bodies import Trouble
from sim.emulator.decisions import Attempt
from sim.emulator.faults import BreakStream, Drip, Freeze, HalfBody, Reset
from sim.emulator.words import words
from sim.results.columns import STATUS_CONNECTION, STATUS_OK

if TYPE_CHECKING:
    from sim.emulator.exchange import Exchange

JSON = "content-type: application/json\r\n"
SSE = "content-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
STEP_NS = 50_000_000
"""Wall time between two events of a stream, at least: several tokens share one."""
EARLY_NS = 1_000_000
"""Event loops wake up to a millisecond early; an answer due by then is whole."""
SECOND = 1_000_000_000
NO_BOUND = 1 << 62


class Pace:
    """When what is due: the luck's times. Virtual ns."""

    def __init__(self, exchange: Exchange, attempt: Attempt) -> None:
        self._decisions = exchange.site.decisions
        self.first, self.each = self._decisions.pace(attempt)
        self.begun, self.output, self.ends_at = attempt.call.begun, attempt.request.output, attempt.ends_at
        self.cut = attempt.call.status == STATUS_CONNECTION
        """Whether a fault of the scenario cuts the connection when the answer ends."""

    def due(self, now: int) -> int:
        """Tokens that should be out by now."""
        if now + EARLY_NS >= self.ends_at and not self.cut:
            return self.output
        return self._decisions.produced(now - self.begun, self.first, self.each, self.output)


def _spec(exchange: Exchange) -> Any:
    """What the wire fault says that this request met; None without one."""
    return None if exchange.fault is None else exchange.fault.spec


async def whole(exchange: Exchange, attempt: Attempt) -> None:
    """Answer at once when the whole answer is there."""
    spec, cut = _spec(exchange), attempt.call.status == STATUS_CONNECTION
    if isinstance(spec, Freeze) and exchange.fault is not None:
        await exchange.until(max(attempt.ends_at, exchange.fault.end))
    if isinstance(spec, Reset):
        pace = Pace(exchange, attempt)
        await exchange.until(pace.begun + pace.first + pace.each * spec.after_tokens)
    else:
        await exchange.until(attempt.ends_at)
    if cut or isinstance(spec, Reset):
        await _reset(exchange)
        return
    exchange.settle(STATUS_CONNECTION if isinstance(spec, HalfBody) else STATUS_OK)
    body = _message(exchange, attempt)
    if spec is None:
        await exchange.reply(STATUS_OK, body)
    else:
        await _faulty(exchange, body, spec)


def _message(exchange: Exchange, attempt: Attempt) -> bytes:
    site, sizes, request = exchange.site, exchange.asked, attempt.request
    assert sizes is not None
    body: bytes = exchange.dialect.message(
        exchange.number, site.quoted[exchange.model], words(0, request.output),
        _stop(exchange, attempt),
        (sizes.uncached, sizes.cached, request.output), site.clock.date(exchange.at) // SECOND,
    )  # fmt: skip
    return body


def _stop(exchange: Exchange, attempt: Attempt) -> str:
    """Why the answer ends: its bound, or its own end."""
    most = None if exchange.wanted is None else exchange.wanted.max_tokens
    reason: str = exchange.dialect.STOPS[most is not None and attempt.request.output >= most]
    return reason


async def _faulty(exchange: Exchange, body: bytes, spec: Any) -> None:
    """Send a whole answer as the fault has it."""
    line, head = exchange.line, JSON + exchange.head(exchange.site.clock.now())
    await line.start(STATUS_OK, head, len(body))
    if isinstance(spec, HalfBody):
        await line.part(body[: min(int(len(body) * spec.part), len(body) - 1)])
        await exchange.line.close()
    elif isinstance(spec, Drip):
        await _drip(exchange, body, spec)
        await line.end()
    else:
        await line.part(body)
        await line.end()


async def _drip(exchange: Exchange, body: bytes, spec: Drip) -> None:
    for at in range(0, len(body), spec.size):
        await exchange.line.part(body[at : at + spec.size])
        await exchange.until(exchange.site.clock.now() + spec.gap)


async def _reset(exchange: Exchange) -> None:
    exchange.settle(STATUS_CONNECTION)
    await exchange.line.reset()


async def streamed(exchange: Exchange, attempt: Attempt) -> None:
    """Answer token by token."""
    pace, spec = Pace(exchange, attempt), _spec(exchange)
    last = _last_token(spec, pace.output)
    opens_at = pace.begun + pace.first
    if (isinstance(spec, Reset) and last == 0) or (pace.cut and pace.ends_at < opens_at):
        await exchange.until(min(opens_at, pace.ends_at))
        await _reset(exchange)
        return
    await exchange.until(opens_at)
    stream = await _open(exchange, attempt)
    await _tokens(exchange, pace, stream, last)
    if pace.cut:
        await exchange.until(pace.ends_at)
        await _reset(exchange)
    elif isinstance(spec, (Reset, HalfBody, BreakStream)):
        await _break(exchange, stream, spec)
    else:
        await exchange.until(pace.ends_at)
        exchange.settle(STATUS_OK)
        await _put(exchange, stream.closing(_stop(exchange, attempt)))
        await exchange.line.end()


async def _open(exchange: Exchange, attempt: Attempt) -> Any:
    """Begin a stream, and say so in the log: a restart finds what was cut."""
    site, sizes, wanted = exchange.site, exchange.asked, exchange.wanted
    assert sizes is not None
    assert wanted is not None
    usage = (sizes.uncached, sizes.cached, attempt.request.output)
    created = site.clock.date(exchange.at) // SECOND
    stream = exchange.dialect.Stream(exchange.number, site.quoted[exchange.model], usage, wanted.usage, created)
    site.journal.event({"event": "begun", **exchange.row(STATUS_OK, site.clock.now())._asdict()})
    await exchange.line.start(STATUS_OK, SSE + exchange.head(site.clock.now()))
    await _put(exchange, stream.opening())
    return stream


def _last_token(spec: Any, output: int) -> int:
    """After how many tokens a wire fault ends the stream; all of them without one."""
    if isinstance(spec, HalfBody):
        return int(output * spec.part)
    return min(output, spec.after_tokens) if isinstance(spec, (Reset, BreakStream)) else output


async def _tokens(exchange: Exchange, pace: Pace, stream: Any, last: int) -> None:
    """Send tokens as they become due, up to ``last``, or up to a cut."""
    site, sent = exchange.site, 0
    horizon = pace.ends_at if last == pace.output else pace.begun + pace.first + pace.each * last
    step = STEP_NS * site.clock.speed.numerator // site.clock.speed.denominator
    while sent < last:
        most = await _thawed(exchange, sent)
        now = site.clock.now()
        due = min(last, most, pace.due(now))
        if due > sent:
            await _put(exchange, stream.delta(words(sent, due)))
            sent = due
        if pace.cut and now >= pace.ends_at:
            return
        if sent < last:
            next_token = pace.begun + pace.first + pace.each * (sent + 1)
            await exchange.until(min(max(next_token, now + step), horizon))


async def _thawed(exchange: Exchange, sent: int) -> int:
    """Wait where a fault froze the stream; how many tokens may be out before it does."""
    fault = exchange.fault
    if fault is not None and isinstance(fault.spec, Freeze):
        if sent < fault.spec.after_tokens:
            return fault.spec.after_tokens
        await exchange.until(fault.end)
    return NO_BOUND


async def _put(exchange: Exchange, data: bytes) -> None:
    """Send a part of a stream, a few bytes at a time where a fault wants it."""
    spec = _spec(exchange)
    if isinstance(spec, Drip):
        await _drip(exchange, data, spec)
    else:
        await exchange.line.part(data)


async def _break(exchange: Exchange, stream: Any, spec: Any) -> None:
    """End a stream before its end: an error event, a reset, or half of what was promised."""
    if isinstance(spec, BreakStream):
        trouble = Trouble(529, "Overloaded")
        exchange.settle(trouble.status)
        await _put(exchange, stream.broken(trouble))
        await exchange.line.end()
    elif isinstance(spec, Reset):
        await _reset(exchange)
    else:
        exchange.settle(STATUS_CONNECTION)
        await exchange.line.close()
