"""What a result rests on, in sentences: read from the manifest's resolved scenario."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.report.cast import Summary
from sim.report.cautions import counted


def _time(resolved: Mapping[str, Any], summary: Summary) -> list[str]:
    count = int(summary.get("replications", 1))
    return [
        f"Each of {counted(count, 'replication')} lasts {resolved.get('duration', '?')}; the first "
        f"{resolved.get('warmup', '0s')} are left out of every number; {resolved.get('drain', '?')} are left at the "
        "end for retries to finish.",
        "All configurations see the same arrivals, sizes, latencies and luck (common random numbers), so differences "
        "are paired. Intervals are 95 % t-intervals over replications.",
    ]


def _provider(provider: Mapping[str, Any]) -> list[str]:
    estimate = float(provider.get("input_estimate", 1.0))
    billed = "is" if provider.get("bill_abandoned", True) else "is not"
    return [
        f"The provider answers in the manner of {provider.get('style', 'anthropic')}; a refusal takes "
        f"{provider.get('round_trip', '20ms')} to arrive.",
        f"A limiter charges {estimate:.0%} of the true input at the start and corrects it at the end. "
        f"Output produced for a client that hung up {billed} billed.".replace("%", "\u00a0%"),
    ]


def assumptions(summary: Summary, manifest: Mapping[str, Any]) -> list[str]:
    """One sentence for each thing that the model assumes."""
    resolved = manifest.get("scenario", {}).get("resolved", {})
    listed = [*(manifest.get("assumptions") or ()), *(manifest.get("notes") or ())]
    return [
        *_time(resolved, summary),
        "A limit whose burst is not written lets its whole period pass at once; providers do not publish theirs.",
        *_provider(resolved.get("provider") or {}),
        *(str(note) for note in listed),
    ]


def reproduce(summary: Summary, manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Label and value of everything that is needed to get the same numbers again."""
    versions = ", ".join(f"{name} {version}" for name, version in (manifest.get("versions") or {}).items())
    checks = summary.get("checks", {})
    rows = f"{checks.get('rows_planned', 0):,} planned, {checks.get('rows_reported', 0):,} reported"
    pairs = [
        ("seed", summary.get("seed", "")), ("replications", summary.get("replications", "")),
        ("engine", summary.get("engine", "")), ("scenario sha256", summary["scenario"].get("sha256", "")),
        ("digest of all outcomes", checks.get("digest", "")), ("rows", rows),
        ("keystorm", manifest.get("keystorm", "")), ("versions", versions),
    ]  # fmt: skip
    return [(label, str(value)) for label, value in pairs if str(value)]
