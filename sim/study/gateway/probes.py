"""Small experiments at the running proxy, each with keys of its own: where does it depart from a provider?

They take turns, so that none disturbs another. What comes back is judged in :mod:`sim.study.gateway.verdicts`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sim.study.gateway import verdicts
from sim.study.gateway.asking import CHAT, MESSAGES, ROUTES, Ask, Caller, Seen
from sim.study.gateway.keys import GatewayKey
from sim.study.gateway.verdicts import Verdict

DEPLOYMENTS = ("probe-limits", "probe-529", "probe-429", "probe-401", "probe-400")
"""Models of the proxy that only probes use, so that what one does to a deployment stays there."""
RPM, TEAM_RPM, TPM, CAP = 4, 2, 1_000, 0.01
AT_ONCE = 10
INTO_WINDOW = 0.3
"""Share of a window after which a refusal is asked for."""
UPSTREAM_WAIT = 7
RECOVERS_IN_S, LOOK_S = 20.0, 0.5

_LIMITS: dict[str, dict[str, float]] = {
    "window": {"rpm_limit": RPM}, "after-messages": {"rpm_limit": 1}, "after-chat": {"rpm_limit": 1},
    "tokens-said": {"tpm_limit": TPM}, "tokens-open": {"tpm_limit": TPM}, "budget": {"max_budget": CAP},
    "team-first": {"team_rpm_limit": TEAM_RPM}, "team-second": {"team_rpm_limit": TEAM_RPM, "rpm_limit": 1},
    "free": {}, "other": {},
}  # fmt: skip
_TEAMS = {"team-first": "probe-team", "team-second": "probe-team"}


def keys() -> dict[str, GatewayKey]:
    """The keys that probes use, by name."""
    return {
        name: GatewayKey(f"probe-{name}", _TEAMS.get(name, f"probe-{name}"), f"KEYSTORM_GATEWAY_PROBE_{at}", limits)
        for at, (name, limits) in enumerate(_LIMITS.items())
    }


@dataclass
class Bench:
    """What a probe has: a caller, the secrets of the keys by name, and the emulator behind the proxy."""

    caller: Caller
    secrets: dict[str, str]
    upstream: str
    window_s: int
    price: tuple[float, float]
    """Dollars a token of input and of output."""
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def ask(self, key: str, route: str = MESSAGES, model: str = DEPLOYMENTS[0], **more: Any) -> Ask:
        """A request by a probe's key."""
        return Ask(self.secrets[key], model, route, **more)

    @contextmanager
    def refusing(self, status: int, retry_after: str | None = None) -> Iterator[None]:
        """The emulator refuses its next attempt while the block runs."""
        import httpx

        said: dict[str, Any] = {"status": status, "count": 1, **({"retry_after": retry_after} if retry_after else {})}
        faults = f"{self.upstream}/keystorm/faults"
        httpx.post(faults, json={"refuse": said}, timeout=10.0, trust_env=False).raise_for_status()
        try:
            yield
        finally:
            httpx.delete(faults, timeout=10.0, trust_env=False).raise_for_status()


Probe = Callable[[Bench], Iterator[Verdict]]


def run(
    bench: Bench, told: Callable[[str], None], probes: Sequence[Probe] | None = None,
    done: Callable[[], None] = lambda: None,
) -> list[Verdict]:  # fmt: skip
    """Every probe in turn; ``told`` hears of each verdict, ``done`` is called after each probe."""
    found = []
    for probe in PROBES if probes is None else probes:
        for verdict in probe(bench):
            found.append(verdict)
            told(f"{verdict.name}: expected {verdict.expected}; observed {verdict.observed}")
        done()
    return found


def requests_in_a_window(bench: Bench) -> Iterator[Verdict]:
    """More requests at once than a key may send, and again when the window has passed."""
    asks = [bench.ask("window")] * (2 * RPM)
    answers = bench.caller.ask(*asks)
    yield verdicts.window(RPM, answers)
    begun = min(one.at_s for one in answers)
    bench.sleep(max(0.0, bench.window_s + 1 - (bench.clock() - begun)))
    waited = bench.clock() - begun
    yield verdicts.window_again(RPM, bench.window_s, waited, bench.caller.ask(*asks))


def when_to_come_back(bench: Bench) -> Iterator[Verdict]:
    """A refusal some seconds into a window, on both routes."""
    for route, key in ((MESSAGES, "after-messages"), (CHAT, "after-chat")):
        first = bench.caller.ask(bench.ask(key, route))[0]
        bench.sleep(INTO_WINDOW * bench.window_s)
        yield verdicts.retry_after(route, bench.window_s, first, bench.caller.ask(bench.ask(key, route))[0])


def two_levels(bench: Bench) -> Iterator[Verdict]:
    """A request that its team's limit refuses: is it charged to the key's limit all the same?

    The team's window is just used up, then a key of that team asks for the first time, shortly before the window ends.
    """
    first = bench.caller.ask(*[bench.ask("team-first")] * TEAM_RPM)
    begun = min(one.at_s for one in first)
    bench.sleep(max(0.0, bench.window_s - 2 - (bench.clock() - begun)))
    refused = bench.caller.ask(bench.ask("team-second"))[0]
    bench.sleep(max(0.0, bench.window_s + 1 - (bench.clock() - begun)))
    yield verdicts.charged_elsewhere(refused, bench.caller.ask(bench.ask("team-second"))[0])


def tokens_at_once(bench: Bench) -> Iterator[Verdict]:
    """Concurrent requests against a limit of tokens: with max_tokens, and without, where it must be guessed."""
    said = bench.caller.ask(*[bench.ask("tokens-said", input=20, output=200, most=200)] * AT_ONCE)
    question = f"{AT_ONCE} requests of 220 tokens at once by a key with tpm_limit {TPM:,}, max_tokens 200"
    yield verdicts.tokens_within("tpm_limit, max_tokens said", question, TPM, said)
    open_ = bench.caller.ask(*[bench.ask("tokens-open", CHAT, input=20, output=400, most=None)] * AT_ONCE)
    question = f"{AT_ONCE} requests of 420 tokens at once by a key with tpm_limit {TPM:,}, without max_tokens"
    yield verdicts.tokens_within("tpm_limit, max_tokens not said", question, TPM, open_)


def money_at_once(bench: Bench) -> Iterator[Verdict]:
    """Concurrent requests against a budget, and what the next one is told."""
    answers = bench.caller.ask(*[bench.ask("budget", input=20, output=250, most=250)] * AT_ONCE)
    each = 20 * bench.price[0] + 250 * bench.price[1]
    question = f"{AT_ONCE} requests of ${each:.4f} at once by a key with max_budget ${CAP:.4f}"
    yield verdicts.budget_within("max_budget", question, CAP, bench.price, answers)
    spent = _exhausted(bench)
    for route, status, kinds in ((MESSAGES, 400, ("invalid_request_error",)), (CHAT, 429, ("insufficient_quota",))):
        question = f"a request beyond the budget on {route}"
        yield verdicts.mapped(f"budget on {route}", question, status, spent[route], kinds)


def _exhausted(bench: Bench) -> dict[str, Seen]:
    """What each route answers once the budget refuses; as it does after a few more requests at the most."""
    found = {}
    for route in ROUTES:
        for _ in range(AT_ONCE):
            found[route] = bench.caller.ask(bench.ask("budget", route, input=20, output=250, most=250))[0]
            if found[route].status != verdicts.OK:
                break
            bench.sleep(LOOK_S)
    return found


def statuses_handed_on(bench: Bench) -> Iterator[Verdict]:
    """What the upstream's statuses become on the way to the client."""
    for status, model in ((529, "probe-529"), (400, "probe-400")):
        for route in ROUTES:
            with bench.refusing(status):
                answer = bench.caller.ask(bench.ask("free", route, model))[0]
            yield verdicts.mapped(f"upstream's {status} on {route}", f"the upstream answers {status}", status, answer)
            _recovered(bench, model)
    for route in ROUTES:
        with bench.refusing(429, f"{UPSTREAM_WAIT}s"):
            answer = bench.caller.ask(bench.ask("free", route, "probe-429"))[0]
        yield verdicts.handed_on(route, UPSTREAM_WAIT, answer)
        _recovered(bench, "probe-429")


def one_team_s_401(bench: Bench) -> Iterator[Verdict]:
    """An upstream that refuses the proxy's key once: who is hit?"""
    with bench.refusing(401):
        first = bench.caller.ask(bench.ask("free", model="probe-401"))[0]
    begun = bench.clock()
    next_ = bench.caller.ask(bench.ask("other", model="probe-401"))[0]
    recovered = 0.0 if next_.status == verdicts.OK else _recovered(bench, "probe-401", begun)
    yield verdicts.cooldown(first, next_, recovered, RECOVERS_IN_S)


def _recovered(bench: Bench, model: str, since: float | None = None) -> float | None:
    """Ask until a deployment answers; the seconds that it took, None when it did not."""
    begun = bench.clock() if since is None else since
    while bench.clock() - begun < RECOVERS_IN_S:
        asked = bench.clock()
        if bench.caller.ask(bench.ask("other", model=model, output=1))[0].status == verdicts.OK:
            return asked - begun
        bench.sleep(LOOK_S)
    return None


PROBES: tuple[Probe, ...] = (
    requests_in_a_window, when_to_come_back, two_levels, tokens_at_once, money_at_once, statuses_handed_on,
    one_team_s_401,
)  # fmt: skip
