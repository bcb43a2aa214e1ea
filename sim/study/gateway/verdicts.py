"""What a probe saw, held against what the semantics of a provider would give: pure functions of answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.study.gateway.asking import Seen

OK, LIMITED = 200, 429


@dataclass(frozen=True)
class Verdict:
    """One finding. ``expected`` is what a provider (or the simulator) would do, ``observed`` what LiteLLM did."""

    name: str
    question: str
    expected: str
    observed: str
    departs: bool

    def json(self) -> dict[str, Any]:
        """For ``summary.json``."""
        return {"name": self.name, "question": self.question, "expected": self.expected, "observed": self.observed,
                "departs": self.departs}  # fmt: skip


def admitted(answers: Sequence[Seen]) -> int:
    """How many were answered."""
    return sum(one.status == OK for one in answers)


def statuses(answers: Sequence[Seen]) -> str:
    """``200 × 4, 429 × 2``."""
    found: dict[int, int] = {}
    for one in answers:
        found[one.status] = found.get(one.status, 0) + 1
    return ", ".join(f"{status} × {count}" for status, count in sorted(found.items())) or "nothing"


def window(limit: int, answers: Sequence[Seen]) -> Verdict:
    """Requests at once against a limit of so many a window."""
    passed = admitted(answers)
    question = f"{len(answers)} requests at once by a key with rpm_limit {limit}"
    return Verdict("rpm_limit", question, f"{limit} admitted", f"{passed} admitted ({statuses(answers)})",
                   passed != limit)  # fmt: skip


def window_again(limit: int, window_s: int, waited_s: float, answers: Sequence[Seen]) -> Verdict:
    """The same after the window has passed."""
    passed = admitted(answers)
    question = f"{len(answers)} requests {waited_s:.1f} s after the first of a window of {window_s} s that was used up"
    return Verdict("next window", question, f"{limit} admitted", f"{passed} admitted", passed != limit)


def retry_after(route: str, window_s: int, first: Seen, refused: Seen) -> Verdict:
    """What a refusal by a key's own limit says about coming back; ``first`` opened the window."""
    left = max(1, -(-(window_s - (refused.at_s - first.at_s)) // 1))
    told = refused.headers.get("retry-after")
    observed = f"{refused.status}, " + (f"retry-after: {told}" if told is not None else "no retry-after")
    departs = refused.status != LIMITED or told is None or abs(float(told) - left) > 1
    question = f"a refusal by rpm_limit on {route}, {refused.at_s - first.at_s:.1f} s into a window of {window_s} s"
    return Verdict(f"retry-after on {route}", question, f"429, retry-after: {left:.0f}", observed, departs)


def charged_elsewhere(refused: Seen, later: Seen) -> Verdict:
    """A key with one request a window: one refused by its team, then one when the team's window is new."""
    question = (
        "a request that team_rpm_limit refuses, by a key with rpm_limit 1; then another in the team's next window"
    )
    observed = f"{refused.status}, then {later.status}"
    return Verdict("refused by one level", question, "429, then 200: what is refused is charged nowhere", observed,
                   later.status != OK)  # fmt: skip


def booked(configuration: str, ours: float, cut: float, theirs: float) -> Verdict:
    """Dollars of a configuration's answers by their usage, and by the proxy's own spend log.

    ``cut``: what answers would have cost that the end of the run cut off; a proxy may book them or not.
    """
    question = f"{configuration}: what the proxy's spend log adds up to"
    expected = f"${ours:.4f}" + (f", or up to ${cut:.4f} more for what the run's end cut off" if cut else "")
    allowed = 0.01 * ours + 1e-6
    departs = not ours - allowed <= theirs <= ours + cut + allowed
    return Verdict(f"spend booked, {configuration}", question, expected, f"${theirs:.4f}", departs)


def tokens_within(name: str, question: str, limit: int, answers: Sequence[Seen]) -> Verdict:
    """Tokens that were let through in one window against a limit of tokens."""
    used = sum(sum(one.tokens) for one in answers)
    over = f", {used / limit:.1f} × the limit" if used > limit else ""
    return Verdict(name, question, f"at most {limit:,} tokens", f"{used:,} tokens in {admitted(answers)} answers{over}",
                   used > limit)  # fmt: skip


def budget_within(
    name: str, question: str, cap: float, price: tuple[float, float], answers: Sequence[Seen]
) -> Verdict:  # fmt: skip
    """Dollars that were spent against a cap. ``price``: dollars a token of input and of output."""
    spent = sum(one.tokens[0] * price[0] + one.tokens[1] * price[1] for one in answers)
    over = f", {spent / cap:.1f} × the cap" if spent > cap else ""
    return Verdict(name, question, f"at most ${cap:.4f}", f"${spent:.4f} in {admitted(answers)} answers{over}",
                   spent > cap)  # fmt: skip


def mapped(name: str, question: str, expected: int, answer: Seen, kinds: Sequence[str] = ()) -> Verdict:
    """The status of one answer, and its error's type where that matters."""
    wanted = f"{expected}" + (f" {' or '.join(kinds)}" if kinds else "")
    departs = answer.status != expected or bool(kinds and answer.kind not in kinds)
    return Verdict(name, question, wanted, f"{answer.status} {answer.kind}".strip(), departs)


def handed_on(route: str, seconds: int, answer: Seen) -> Verdict:
    """Whether the upstream's ``retry-after`` reaches the client."""
    told, other = answer.headers.get("retry-after"), answer.headers.get("llm_provider-retry-after")
    words = [f"retry-after: {told}"] if told is not None else ["no retry-after"]
    words += [f"llm_provider-retry-after: {other}"] if other is not None else []
    question = f"a 429 of the upstream with retry-after {seconds} on {route}"
    departs = answer.status != LIMITED or told != str(seconds)
    expected, observed = f"429, retry-after: {seconds}", f"{answer.status}, {', '.join(words)}"
    return Verdict(f"upstream's retry-after on {route}", question, expected, observed, departs)


def cooldown(first: Seen, next_: Seen, recovered_s: float | None, most_s: float) -> Verdict:
    """One team's 401 of the upstream, and what the next team on the same deployment gets."""
    observed = f"{first.status}, then {next_.status} {next_.kind}".strip()
    if next_.status != OK:
        lasted = f"answered again after {recovered_s:.1f} s" if recovered_s is not None else f"not in {most_s:.0f} s"
        observed += f"; {lasted}"
    question = "the upstream answers one team's request with 401; another team asks the same deployment next"
    return Verdict("cooldown after a 401", question, "401, then 200", observed, next_.status != OK)


def departures(found: Sequence[Verdict]) -> list[Mapping[str, Any]]:
    """Those that depart, plain."""
    return [one.json() for one in found if one.departs]
