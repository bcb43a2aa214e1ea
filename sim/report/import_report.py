"""The profile of an imported log: from its folder's ``profile.json`` to ``profile.html``."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from sim.report.charts import chart
from sim.report.document import Chart, Document, Section, Text
from sim.report.figures import import_along, import_rhythm, import_share
from sim.report.figures.base import Sheet
from sim.report.fit_history import history_section
from sim.report.frame import write
from sim.report.import_tables import (
    bill_table,
    bursts_table,
    models_table,
    quality_table,
    rows_table,
    sizes_table,
    teams_table,
)  # fmt: skip
from sim.report.import_view import Told, View, span_text
from sim.report.import_words import details, headline, warnings
from sim.report.numbers import NB
from sim.report.saved import read_json

FILE, PAGE = "profile.json", "profile"
DOWNLOADS = (
    ("requests.parquet", "the request log: one row a request, docs/importing.md has its columns"),
    (FILE, "every number of this page"),
    ("manifest.json", "what was imported, how, and the assumptions"),
    ("profile.md", "this page as Markdown"),
)
PRIVACY = (
    "Prompts, answers, users and addresses are not read or not kept. Keys are fingerprints, sessions numbers; names "
    "that look like keys or addresses of people are replaced."
)
REPLAY = """teams:
  NAME:
    workload:
      - model: MODEL
        arrivals: {trace: {file: requests.parquet, team: NAME}}"""


def render(directory: Path) -> Path:
    """Write the page of the import in ``directory`` from its profile.json. Raises BadInput without one."""
    summary, manifest = read_json(directory / FILE, "import"), read_json(directory / "manifest.json", "import")
    return write(directory, document(summary, manifest), page=PAGE)


def document(summary: Told, manifest: Told) -> Document:
    """The whole page."""
    view = View.of(summary)
    name = " and ".join(Path(file["file"]).name for file in summary["files"][:3])
    more = len(summary["files"]) - 3
    return Document(
        kind="import", name=name + (f" and {more} more" if more > 0 else ""),
        question="Who sends what through this key, when, and how unevenly?",
        headline=headline(view), details=details(view), warnings=warnings(view), sections=tuple(_sections(view)),
        assumptions=(*summary["assumptions"], *summary["notes"], PRIVACY),
        command=shlex.join(str(word) for word in manifest.get("command") or ("keystorm", "import")),
        facts=tuple(_facts(summary, manifest)), downloads=DOWNLOADS,
    )  # fmt: skip


def _sections(view: View) -> Iterator[Section]:
    yield Section(
        "teams", "Who sends what", _spend_note(), (*_charts("share", import_share.draw, view), teams_table(view))
    )
    when = (*_charts("along", import_along.draw, view), *_charts("rhythm", import_rhythm.draw, view))
    if when:
        yield Section("when", "When", _zone(view), when)
    yield Section("bursts", "How unevenly", (
        "CV is the standard deviation of the gaps between requests over their mean: 1 for independent users, more for "
        "bursts. Peaks are the busiest interval over the mean interval, with its requests below. Limits per minute are "
        "met by peaks, not by means. At once: requests under way, where the log has durations."
    ), (bursts_table(view),))  # fmt: skip
    yield Section("sizes", "How large", f"Quantiles are right within 1{NB}%.", (sizes_table(view),))
    yield Section("models", "Which models", "", (models_table(view),))
    if view.summary.get("history"):
        yield history_section(view.summary["history"])
    bill = bill_table(view)
    if bill is not None:
        yield Section("bill", "What was billed", "From the cost report; beside it the log’s own sums above.", (bill,))
    yield Section("quality", "How far to trust it", (
        f"{view.summary['rows_read']:,} rows read = {view.summary['rows_kept']:,} kept + "
        f"{view.summary['rows_rejected']:,} left out. Values of rows that were left out are not repeated here: they "
        "may be somebody’s."
    ), (rows_table(view), quality_table(view)))  # fmt: skip
    yield Section(
        "replay", "Replay it", "A team of a scenario that sends what a team of this log sent:", (Text(code=REPLAY),)
    )


def _spend_note() -> str:
    return (
        "Spend is what the log recorded; requests without a recorded cost are taken at the catalogue’s list prices. "
        "429s are those that the log has: what a gateway or a client retried away before logging is not in it."
    )


def _zone(view: View) -> str:
    if view.relative:
        return "The log has no date: days and hours count from its start."
    return f"Hours and weekdays are told in {view.summary['timezone']}."


def _charts(name: str, draw: Callable[[View, int], Sheet | None], view: View) -> tuple[Chart, ...]:
    made = chart(name, partial(draw, view))
    return () if made is None else (made,)


def _facts(summary: Told, manifest: Told) -> Iterator[tuple[str, str]]:
    versions = ", ".join(f"{name} {version}" for name, version in (manifest.get("versions") or {}).items())
    yield from (
        ("format", summary["format"]), ("from", summary["start"]), ("to", summary["end"]),
        ("span", span_text(summary["span_s"])), ("time zone", summary["timezone"]),
        ("keystorm", str(manifest.get("keystorm", ""))), ("versions", versions),
    )  # fmt: skip
