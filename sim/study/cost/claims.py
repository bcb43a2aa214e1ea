"""Claims held against the result: supported, not supported, undecided, or not testable.

A claim is *supported* when each of its tests holds at both ends of the number's 95 % interval, *not
supported* when some test fails at both ends, and else *undecided*: more months would tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.scenario.finance import Check, Claim
from sim.study.cost.estimates import Estimate

SUPPORTED, NOT_SUPPORTED, UNDECIDED, UNTESTABLE = "supported", "not supported", "undecided", "can't be tested"
Measured = Mapping[tuple[str, str], Estimate]
"""(configuration or ``saving``, measure) → its estimate."""


def verdict_of(check: Check, found: Estimate) -> str:
    """Whether one test holds, by the interval; a side without a bound may be anything."""
    low = found.value if found.low is None else found.low
    high = float("inf") if found.high is None and found.low is not None else found.high or found.value
    ends = (low, max(low, high))
    held = [end >= check.bound if check.op == ">=" else end <= check.bound for end in ends]
    if all(held):
        return SUPPORTED
    return UNDECIDED if any(held) else NOT_SUPPORTED


def judged(claim: Claim, measured: Measured) -> dict[str, Any]:
    """A claim with its verdict and the numbers behind it."""
    tests = [_tested(check, measured) for check in claim.tests]
    verdicts = {test["verdict"] for test in tests}
    if claim.untestable:
        verdict = UNTESTABLE
    elif NOT_SUPPORTED in verdicts:
        verdict = NOT_SUPPORTED
    else:
        verdict = UNDECIDED if UNDECIDED in verdicts else SUPPORTED
    return {
        "says": claim.says, "source": claim.source, "verdict": verdict, "tests": tests,
        "untestable": claim.untestable, "because": claim.because,
    }  # fmt: skip


def _tested(check: Check, measured: Measured) -> dict[str, Any]:
    found = measured.get((check.subject, check.measure))
    said = {"test": str(check), "subject": check.subject, "measure": check.measure, "op": check.op,
            "bound": check.bound}  # fmt: skip
    if found is None:
        return {**said, "verdict": UNDECIDED, "found": None}
    return {**said, "verdict": verdict_of(check, found), "found": found.json()}
