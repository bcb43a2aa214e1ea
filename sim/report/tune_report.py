"""The report of a tuning study: from its folder's ``tune.json`` to a page."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sim.report.assumptions import assumptions
from sim.report.charts import chart
from sim.report.document import Block, Chart, Document, Section, Text
from sim.report.figures import tune_burst, tune_map, tune_share
from sim.report.figures.base import Sheet
from sim.report.frame import write
from sim.report.numbers import NB
from sim.report.saved import read_json
from sim.report.tune_headline import headline
from sim.report.tune_tables import (
    contour_table,
    needs_table,
    objectives_table,
    policies_table,
    retry_table,
    sensitivity_table,
    settings_table,
    theory_table,
    ways_table,
)
from sim.report.tune_view import View, whole
from sim.report.tune_words import details, warnings

FILE = "tune.json"
DOWNLOADS = (
    (FILE, "every number of this page"),
    ("limits.yaml", "the recommended configuration, to paste into the scenario"),
    ("limits.csv", "the settings, for a spreadsheet"),
    ("litellm.json", "key settings for a LiteLLM proxy"),
    ("anthropic.json", "workspace rate limits for the Admin API"),
    ("manifest.json", "scenario, versions and command"),
    ("report.md", "this report as Markdown"),
)
GOAL = (
    f"What the search aimed at is stricter: the worse end of the 95{NB}% interval has to satisfy the objective; where "
    "even no limits can’t "
    "do that, the mean; where not even that, a setting has to come near to what no limits give."
)


def render(directory: Path) -> Path:
    """Write the report of the study in ``directory`` from its tune.json. Raises BadInput without one."""
    summary, manifest = read_json(directory / FILE, "tune"), read_json(directory / "manifest.json", "tune")
    return write(directory, document(summary, manifest))


def document(summary: Mapping[str, Any], manifest: Mapping[str, Any]) -> Document:
    """The whole report."""
    view = View.of(summary)
    question = summary["scenario"].get("question") or ""
    return Document(
        kind="tune", name=summary["scenario"]["name"], question=question,
        headline=headline(view), details=details(view), warnings=warnings(view),
        sections=tuple(_sections(view)), assumptions=tuple(_assumptions(view, manifest)),
        command=shlex.join(str(word) for word in manifest.get("command") or ("keystorm", "tune")),
        facts=tuple(_facts(summary, manifest)), downloads=DOWNLOADS,
    )  # fmt: skip


def _sections(view: View) -> Iterator[Section]:
    count = view.summary["replications"]
    yield Section("settings", "Recommended settings", (
        f"{view.summary['rule']} Success and latency are with everybody together, on {count} replications that the "
        "search "
        "has not seen; second lines: today’s value, or the paired difference from today."
    ), (settings_table(view),))  # fmt: skip
    yield Section(
        "objectives",
        "Objectives",
        f"Verdicts are about the mean of these replications. {GOAL}",
        (objectives_table(view),),
    )
    if view.crowded:
        tables = tuple(ways_table(one) for one in view.crowded)
        yield Section(
            "account", "Dividing the account", _divided(), (*_charts("share", tune_share.draw, view), *tables)
        )
    if view.found:
        yield Section("map", "Which settings are enough", (
            "Each project alone with its own traffic and faults. Darker loses more of what its objective allows to "
            "lose. "
            f"Below each limit of the table its 95{NB}% interval, the others as found: from the smallest value that "
            "these replications do not rule out to the smallest that they show to be enough, which is what is needed."
        ), _blocks(needs_table(view), *_charts("map", tune_map.draw, view), contour_table(view)))  # fmt: skip
    if view.found:
        yield Section("sensitivity", "A tenth less, a tenth more", (
            "Change of success around what each project needs, alone, on the same draws. Small limits change by at "
            "least 1."
        ), (sensitivity_table(view),))  # fmt: skip
        yield Section("retry", "What another retry policy would change", (
            "The smallest burst that each policy would need at the same RPM, and below it what it changes at the "
            "settings that "
            "were found; each project alone. All else of a client stays as it is."
        ), (policies_table(view), retry_table(view)))  # fmt: skip
        yield from _theory(view)
    yield Section("search", "How it was found", "", (Text(tuple(_search(view))),))


def _theory(view: View) -> Iterator[Section]:
    table = theory_table(view)
    if table is not None:
        yield Section("theory", "What Poisson theory would have said", (
            "Without retries a bucket of burst K at rate r loses what an M/D/1/K queue loses, if arrivals are Poisson. "
            "The "
            "CV of the gaps between requests (1 for Poisson) and the busiest minute say how far from it this traffic "
            "is. The "
            "first two bursts lose on average what the objective allows; the last one was found with confidence."
        ), (*_charts("burst", tune_burst.draw, view), table))  # fmt: skip


def _divided() -> str:
    return (
        "First as many goals met as possible, the scenario’s before those assumed; then the worst shortfall as small "
        "as possible (the largest part of a needed limit that is missing). A project may be moved along its contour, "
        "to a slower rate with a larger burst. Rates may also sum to more than the account’s, as not everybody is busy "
        "at once. Each way was then run with everybody together and the account’s own limits. Recommended is the one "
        "that can be expected to meet most goals on new draws, of equals the one whose worst is nearest to its goal: a "
        "goal that is met by a hair here is only half of one."
    )


def _charts(name: str, draw: Callable[[View, int], Sheet | None], view: View) -> tuple[Chart, ...]:
    made = chart(name, partial(draw, view))
    return () if made is None else (made,)


def _blocks(*blocks: Block | None) -> tuple[Block, ...]:
    return tuple(block for block in blocks if block is not None)


def _search(view: View) -> Iterator[str]:
    told = view.summary["search"]
    count = view.summary["replications"]
    yield (
        f"{whole(told['trials'])} settings were tried in all, each on the same {count} replications: "
        f"{whole(told['runs'])} "
        "runs, those for the maps and comparisons included."
    )
    if told["blind_grid"]:
        yield (
            f"A grid of the same steps over the same ranges would have had {whole(told['blind_grid'])} cells. The "
            "search "
            "follows the contour instead: more of a limit never hurts, but for the noise of retries, so one cell "
            "answers "
            "for all above it or all below it."
        )
    yield (
        f"Exceptions to that among the cells that were asked: {whole(told['violations'])}. The cheaper neighbours of "
        "each "
        "chosen setting, two steps around, were asked themselves. A step is 1 up to 100, and 1 to 2\u00a0% beyond."
    )


def _assumptions(view: View, manifest: Mapping[str, Any]) -> Iterator[str]:
    yield (
        "Projects meet only in their account and at the provider. So each was searched alone, then all were run "
        "together "
        "with the account’s limits, all faults and the provider’s slots."
    )
    yield (
        "A rate below what a project has to get answered in the long run is not considered, however large its burst: "
        "it "
        "would only work because the scenario ends."
    )
    yield from assumptions(view.summary, manifest)


def _facts(summary: Mapping[str, Any], manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    configuration = summary["configuration"]
    versions = ", ".join(f"{name} {version}" for name, version in (manifest.get("versions") or {}).items())
    pairs = (
        ("configuration", configuration["name"]), ("today", configuration["today"]),
        ("account capacity", configuration["account_capacity"] or "as configured"),
        ("dimensions", ", ".join(summary["dimensions"])), ("seed", summary["seed"]),
        ("replications", f"{summary['replications']} for the search, {summary['replications']} more for the verdicts"),
        ("engine", summary["engine"]), ("scenario sha256", summary["scenario"]["sha256"]),
        ("digest of the first run together, equal in two engines", summary["checks"]["digest"]),
        ("keystorm", manifest.get("keystorm", "")), ("versions", versions),
    )  # fmt: skip
    yield from ((label, str(value)) for label, value in pairs if str(value))
