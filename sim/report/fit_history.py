"""Recorded against simulated, as a section of the reports of a fit and of an import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.report.document import Section, Text
from sim.report.fit_tables import history_table

Told = Mapping[str, Any]


def history_section(history: Told) -> Section:
    """The verdict, the numbers side by side, and what stands behind them."""
    how = f"Configuration: {history['limits']}; limits {'inferred: ' if history['inferred'] else ''}{history['how']}."
    return Section(
        "history", f"Against history: {history['trust']} trust", f"{history['verdict']} {how}",
        (history_table(history), Text(items=tuple(history["notes"]))),
    )  # fmt: skip
