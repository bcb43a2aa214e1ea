"""The one door to the policy: an attempt that came over HTTP is decided, served and settled here.

It drives the same functions as the plain engine (:mod:`sim.engine.loop`) attempt by attempt, with
the time of a real clock; no rule is written twice. Waiting happens elsewhere: what is due when is
told, and whoever waited for a slot of the provider is called when it gets one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sim.chaos.base import OWN
from sim.draws import FAULT, LUCKS
from sim.engine.loop import account, answer_times, ask_of, fill_slot, has_slot, launch, leave_slot
from sim.engine.tables import ADMITTED, PENDING, QUIET, Call, Request, World
from sim.engine.world import Setting, fresh_small_state
from sim.policy.admission import OK, RATE_LIMITED, admit, settle
from sim.policy.bucket import NEVER
from sim.policy.budget import book, turn
from sim.policy.limits import CONCURRENCY, TOKEN_BUCKET, limit_wait
from sim.policy.service import LONGEST, produced
from sim.policy.tables import Ask, BanMemory, EffectMemory, EffectRule

UNKNOWN_TEAM = -3
"""A team that no fault is aimed at: the key is shared, and the request does not say whose it is."""
Wake = Callable[[], None]


class Sizes(NamedTuple):
    """What a request weighs, in tokens: ``output`` is how long its answer is, if it is not cut."""

    uncached: int
    cached: int
    output: int
    max_tokens: int


class Attempt:
    """One attempt under way. Virtual ns; ``ends_at`` is -1 while it waits for a slot of the provider."""

    __slots__ = ("call", "ends_at", "request", "slot", "wake")

    def __init__(self, slot: int, request: Request, call: Call) -> None:
        self.slot = slot
        self.request = request
        self.call = call
        self.ends_at = -1
        self.wake: Wake | None = None

    @property
    def admitted(self) -> bool:
        """Whether limits and caps let it in."""
        return self.call.flags & ADMITTED != 0


class Spend(NamedTuple):
    """Where a spend cap stands, micro-dollars."""

    spent: int
    held: int
    cap: int
    window: int


class Decisions:
    """The provider's rules and memory for one configuration."""

    def __init__(self, setting: Setting) -> None:
        self._serial = 0
        self._siblings: list[int] = []
        self._waiting: dict[int, Attempt] = {}
        self._own_limits = len(setting.rows.all_limits)
        self._take(setting)
        self.forget()

    def _take(self, setting: Setting) -> None:
        """Decide by these rules from now on."""
        self.setting, self.refusers = setting, setting.refusers
        anybody = setting.clients[-1]._replace(timeout=LONGEST)
        knots = setting.knots.tolist()
        self.world = World([], [anybody], setting.delays, knots, setting.rules, setting.wakes, NEVER, NEVER)
        self._accounts, self._projects = list(setting.key_account), list(setting.key_project)
        for sibling in self._siblings:
            self._add_key(sibling)

    def forget(self) -> None:
        """Go back to the state before anything happened."""
        self.state = fresh_small_state(self.world)._replace(requests={}, calls={}, heap=[])
        self._count_apart()
        self._woken = 0
        stranded, self._waiting = self._waiting, {}
        for one in stranded.values():
            self._start(one, 0)

    def _count_apart(self) -> None:
        """Calls that count tokens have limits and caps of their own; bans and faults are the same for all."""
        memory, own = self.state.memory, fresh_small_state(self.world).memory
        self._counting = own._replace(effects=memory.effects, bans=memory.bans)

    def change(self, setting: Setting, effects: Sequence[EffectMemory]) -> None:
        """Go on by other rules, of the same configuration with other faults; ``effects`` are their memories."""
        old = self.state.memory
        self._take(setting)
        new = fresh_small_state(self.world).memory
        new.limits[: self._own_limits] = old.limits[: self._own_limits]
        cells = min(len(new.cells), len(old.cells))
        new.cells[:cells] = old.cells[:cells]
        self.state = self.state._replace(memory=new._replace(caps=old.caps, bans=old.bans, effects=list(effects)))
        self._count_apart()
        self._woken = 0

    @property
    def effects(self) -> Sequence[tuple[EffectRule, EffectMemory]]:
        """Every effect of every fault, with what it remembers."""
        return list(zip(self.world.rules.effects, self.state.memory.effects, strict=True))

    def pass_time(self, now: int) -> None:
        """Hand on the slots that brown-outs took, when they end."""
        wakes = self.world.wakes
        while self._woken < len(wakes) and wakes[self._woken] <= now:
            self._woken += 1
            for model in range(len(self.state.models)):
                while fill_slot(self.world, self.state, model, now):
                    self._start_heirs()

    # Attempts

    def request(self, key: int, team: int, model: int, sizes: Sizes, draw: int, origin: int = OWN) -> Request:
        """A request as the engine's tables have it; nobody but this module looks into it."""
        uncached, cached, output, most = sizes
        share = self.setting.input_estimate
        return Request(
            0, origin, 0, team, self._accounts[key], self._projects[key], key, model, 0, -1, 0, 0, uncached, cached,
            round(uncached * share), round((uncached + cached) * share), output, most, draw, QUIET,
        )  # fmt: skip

    def begin(self, request: Request, number: int, now: int, late: int = 0) -> Attempt:
        """Decide about attempt ``number`` of a request: see ``call.status`` and ``ends_at``.

        Its client meant it to come ``late`` ns before ``now``: its answer's time runs from there.
        """
        slot = self._serial
        self._serial = slot + 1
        call = Call(arrival=now, model=request.model, attempts=number)
        state = self.state
        state.requests[slot], state.calls[slot] = request, call
        found = Attempt(slot, request, call)
        served = has_slot(self.world, state, request.model, now)
        found.ends_at = launch(self.world, state, slot, served, True, now)
        if not found.admitted:
            del state.requests[slot], state.calls[slot]
        elif found.ends_at < 0:
            state.heap.clear()  # the end that the engine plans for when no slot comes is the client's affair here
            self._waiting[slot] = found
        if found.ends_at >= 0:
            found.ends_at -= late
            call.begun = max(call.begun - late, min(call.begun, 0))  # below 0 it would not have begun
        return found

    def end(self, one: Attempt, status: int, now: int) -> tuple[int, int]:
        """An admitted attempt is over: (output tokens produced, micro-dollars billed)."""
        call, state = one.call, self.state
        call.status = status
        call.flags &= ~PENDING
        output, spent = account(self.world, state, one.slot, now)
        self._waiting.pop(one.slot, None)
        leave_slot(self.world, state, one.slot, call.begun, now)
        del state.requests[one.slot], state.calls[one.slot]
        self._start_heirs()
        return output, spent

    def _start_heirs(self) -> None:
        heap = self.state.heap
        while heap:
            ends_at, _, heir = heap.pop()
            self._start(self._waiting.pop(heir), ends_at)

    @staticmethod
    def _start(heir: Attempt, ends_at: int) -> None:
        """Whoever waited longest has a slot now, and its answer has an end."""
        heir.ends_at = ends_at
        if heir.wake is not None:
            heir.wake()

    def under_way(self, one: Attempt) -> bool:
        """Whether an admitted attempt has not ended; what was under way before a reset has."""
        return self.state.calls.get(one.slot) is one.call

    def pace(self, one: Attempt) -> tuple[int, int]:
        """Time to the first token and per token of an attempt that is being answered, ns."""
        return answer_times(self.world, one.request, one.call.model, one.call.attempts - 1, one.call.factor)

    @staticmethod
    def produced(elapsed: int, first: int, each: int, output: int) -> int:
        """Tokens of an answer after some time."""
        return produced(elapsed, first, each, output)

    def ask(self, one: Attempt) -> Ask:
        """The attempt as rules see it, to match wire faults with."""
        return ask_of(self.world, one.request, one.call.model, one.call.attempts - 1, one.call.at)

    def ask_before(self, request: Request, number: int, now: int) -> Ask:
        """Attempt ``number`` of a request as rules would see it now, before it is decided."""
        return ask_of(self.world, request, request.model, number, now)

    def count_tokens(self, request: Request, now: int) -> tuple[int, int, int]:
        """(status, refuser, retry-after) of a call that counts tokens: the same limits, a memory of its own."""
        ask = ask_of(self.world, request, request.model, 0, now)
        found = admit(self.world.rules, self._counting, ask, True, now)
        if found[0] == OK:
            settle(self.world.rules, self._counting, ask, 0, 0, 0, 0, now, now)
        return found

    @staticmethod
    def is_rate_limit(status: int) -> bool:
        """Whether limits refuse with this status."""
        return status == RATE_LIMITED

    # Limits and caps, to be shown

    def in_force(self, row: int, now: int) -> bool:
        """Whether a limit holds now: one that a fault cuts does for a while."""
        rule = self.world.rules.limits[row]
        return bool(rule.start <= now < rule.end)

    def level(self, row: int, now: int) -> tuple[int, int]:
        """Where a limit stands now: what is left, and the ns until it is full again (-1: nobody can tell)."""
        rule, memory = self.world.rules.limits[row], self.state.memory.limits[row]
        full_in = limit_wait(rule, memory, self.state.memory.cells, rule.cap // rule.unit, now)
        if rule.algorithm == TOKEN_BUCKET:
            return (memory.level // rule.unit if memory.level > 0 else 0), full_in
        left = rule.cap - memory.level
        return (left if left > 0 else 0), -1 if rule.algorithm == CONCURRENCY else full_in

    def spent(self, row: int) -> int:
        """What was booked last in a spend cap's window, micro-dollars."""
        booked: int = self.state.memory.caps[row].spent
        return booked

    def spend(self, row: int, now: int) -> Spend:
        """Where a spend cap stands now."""
        rule, memory = self.world.rules.caps[row], self.state.memory.caps[row]
        turn(rule, memory, now)
        return Spend(memory.spent, memory.held, rule.cap, memory.window)

    def limits_of(self, key: int) -> list[int]:
        """The limits that a key meets, its own first."""
        rule = self.world.rules.keys[key]
        rows: list[int] = self.world.rules.limit_rows[rule.first_limit : rule.last_limit]
        return rows

    def caps_of(self, key: int) -> list[int]:
        """The spend caps that a key meets."""
        rule = self.world.rules.keys[key]
        rows: list[int] = self.world.rules.cap_rows[rule.first_cap : rule.last_cap]
        return rows

    def next_month(self, now: int) -> None:
        """Let every spend cap's next window begin, whenever that would be by the clock."""
        for rule, memory in zip(self.world.rules.caps, self.state.memory.caps, strict=True):
            turn(rule, memory, (max(memory.window, now // rule.period) + 1) * rule.period)

    def restore(self, key: int, spent: int, at: int) -> None:
        """Book what an earlier run of the server billed."""
        nothing = Ask(key, UNKNOWN_TEAM, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        book(self.world.rules, self.state.memory, nothing, spent, at)

    def alerts(self, row: int) -> Sequence[float]:
        """The shares of a cap at which somebody wants to know."""
        return [float(share) for share in self.setting.rows.caps[row].cap.alerts]

    # What may change while the server runs

    def fault_of(self, refuser: int) -> int:
        """The number of the fault that refused, in the scenario's order; -1 for any other refuser."""
        rules = self.world.rules
        row = refuser - rules.provider.effect_code
        if not 0 <= row < len(rules.effects):
            return -1
        return fault_number(rules.effects[row])

    def add_key(self, sibling: int) -> int:
        """A new key in the project of another: the number of the new one. It has no limits of its own."""
        self._siblings.append(sibling)
        self.state.memory.bans.append(BanMemory())
        return self._add_key(sibling)

    def _add_key(self, sibling: int) -> int:
        rules: Any = self.world.rules
        known, rows = rules.keys[sibling], self.setting.rows
        limits = [row for row in self.limits_of(sibling) if rows.all_limits[row].level != "key"]
        caps = [row for row in self.caps_of(sibling) if not rows.caps[row].name.startswith("key:")]
        first_limit, first_cap = len(rules.limit_rows), len(rules.cap_rows)
        rules.limit_rows.extend(limits)
        rules.cap_rows.extend(caps)
        ban = 1 + max(max(key.ban, key.ban_project, key.ban_account) for key in rules.keys)
        rules.keys.append(known._replace(
            first_limit=first_limit, last_limit=first_limit + len(limits), first_cap=first_cap,
            last_cap=first_cap + len(caps), ban=ban,
        ))  # fmt: skip
        self._accounts.append(self._accounts[sibling])
        self._projects.append(self._projects[sibling])
        return len(rules.keys) - 1


def fault_number(effect: EffectRule) -> int:
    """Which fault of its scenario an effect belongs to: it draws by it."""
    return (effect.luck - FAULT) // LUCKS


def decode(refusers: Sequence[str], code: int) -> str:
    """The name of a refuser, empty for none."""
    return refusers[code] if code >= 0 else ""


__all__ = ["Attempt", "Decisions", "Sizes", "Spend", "decode", "fault_number"]
