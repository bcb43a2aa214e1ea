"""The report of a fit: from its folder's ``fit.json`` to a page."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sim.report.charts import chart
from sim.report.document import Block, Document, Section, Text
from sim.report.figures import fit_refusals
from sim.report.fit_history import history_section
from sim.report.fit_tables import (
    arrivals_table,
    candidates_table,
    clients_table,
    providers_table,
    refusals_table,
    sizes_table,
)
from sim.report.fit_words import details, headline, warnings
from sim.report.frame import write
from sim.report.import_view import span_text
from sim.report.saved import read_json

FILE, SCENARIO = "fit.json", "scenario.yaml"
Told = Mapping[str, Any]
DOWNLOADS = (
    (SCENARIO, "the fitted scenario; its comments say what each number was fitted from"),
    (FILE, "every number of this page"),
    ("manifest.json", "the scenario as it is read, versions and command"),
    ("report.md", "this report as Markdown"),
)
METHOD = (
    "Arrivals: each process is fitted by maximum likelihood, on the clock of a profile where it has one. Taken is the "
    "one with the fewest parameters, of those no larger than AIC’s best, that is refused as the log is to within half "
    "of the tolerance; where there is none, AIC’s best.",
    "Test limits are found on the log: they refuse about 5, 15 and 40 % of it. Everybody stands on one key with a "
    "token bucket, and nobody retries, in the same engine as every other study.",
    "Intervals are 95 %: Wald’s for parameters, Student’s t over replications for simulated numbers.",
    "Sizes are drawn independently of each other and of time: a log whose large requests come together is refused "
    "more by limits on tokens than its fitted scenario.",
)


def render(directory: Path) -> Path:
    """Write the report of the fit in ``directory`` from its fit.json. Raises BadInput without one."""
    return write(directory, document(read_json(directory / FILE, "fit"), read_json(directory / "manifest.json", "fit")))


def document(told: Told, manifest: Told) -> Document:
    """The whole page."""
    return Document(
        kind="fit", name=told["log"], question="Which scenario stands for this log, and how far is it to be trusted?",
        headline=headline(told), details=details(told), warnings=warnings(told), sections=tuple(_sections(told)),
        assumptions=(*told["notes"], *METHOD), command=shlex.join(str(word) for word in manifest.get("command") or ()),
        facts=tuple(_facts(told, manifest)), downloads=DOWNLOADS,
    )  # fmt: skip


def _sections(told: Told) -> Iterator[Section]:
    drawn = chart("refusals", partial(fit_refusals.draw, told))
    blocks: list[Block] = [] if drawn is None else [drawn]
    blocks.append(refusals_table(told, teams=False))
    if len(told["teams"]) > 1:
        blocks.append(refusals_table(told, teams=True))
    yield Section("refusals", "Refused as the log is?", "", tuple(blocks))
    if told["history"]:
        yield history_section(told["history"])
    yield Section("arrivals", "Arrivals", (
        "CV: standard deviation of the gaps over their mean. Peak: the busiest interval over the mean one. Dispersion: "
        "variance over mean of the counts, 1 for independent users."
    ), (arrivals_table(told), candidates_table(told)))  # fmt: skip
    yield Section("sizes", "Sizes", (
        "Distance: the largest gap between the two distributions (Kolmogorov and Smirnov), 0 for equal ones."
    ), (sizes_table(told),))  # fmt: skip
    answers = providers_table(told)
    yield Section("answers", "Answers and clients", "", (*([] if answers is None else [answers]), clients_table(told)))
    yield Section("use", "Use it", "", (Text(code=f"keystorm compare {SCENARIO}\nkeystorm tune {SCENARIO}"),))


def _facts(told: Told, manifest: Told) -> Iterator[tuple[str, str]]:
    versions = ", ".join(f"{name} {version}" for name, version in (manifest.get("versions") or {}).items())
    yield from (
        ("span", span_text(told["span_s"])), ("requests", f"{told['requests']:,}"),
        ("replications", str(told["replications"])), ("seed", str(manifest.get("seed", ""))),
        ("keystorm", str(manifest.get("keystorm", ""))), ("versions", versions),
    )  # fmt: skip
