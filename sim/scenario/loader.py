"""From a file or a name of the library to a checked scenario; every problem at once, with its line."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from pydantic import ValidationError

from sim.errors import BadScenario, Problem
from sim.scenario import library, parts
from sim.scenario.checks import cross_references, divided, expected_traffic, notes, traffic
from sim.scenario.parts import Parts
from sim.scenario.schema import Scenario
from sim.scenario.traces import Traced, expand, read_traces
from sim.scenario.vary import Varied, Varying, place_of
from sim.scenario.words import Found, choices, closest, once, placed, words
from sim.scenario.workloads import Trace
from sim.scenario.yaml_lines import MAX_BYTES, Document, read

if TYPE_CHECKING:
    from sim.workload.importers import TraceRows

NO_OVERRIDES: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True)
class Loaded:
    """A scenario ready to be planned.

    ``scenario`` has the teams of split traces. ``text`` is the file as read and ``sha256`` its
    hash. ``base`` is the folder that trace files are relative to. ``notes`` are sentences for the
    report. ``traces`` has the rows of every trace workload. ``varied`` says which configurations were
    made from those of the file, see :mod:`sim.scenario.vary`.
    """

    scenario: Scenario
    text: str
    sha256: str
    path: Path
    base: Path
    notes: tuple[str, ...]
    traces: Mapping[Trace, TraceRows]
    varied: Varied | None = None


def load(
    source: str | Path,
    *,
    skip_bad_rows: bool = False,
    overrides: Mapping[str, object] = NO_OVERRIDES,
    varying: Varying | None = None,
) -> Loaded:
    """Reads and checks a scenario: a path, or a name of the library as ``noisy-neighbour``.

    ``overrides`` replace values at the top of the file (seed, replications), ``varying`` makes its
    configurations anew with values changed. Raises BadScenario with every problem that was found.
    """
    path = locate(source)
    text = read_text(path, str(path))
    return load_text(text, path, skip_bad_rows=skip_bad_rows, overrides=overrides, varying=varying)


def load_text(
    text: str,
    path: Path,
    *,
    skip_bad_rows: bool = False,
    overrides: Mapping[str, object] = NO_OVERRIDES,
    varying: Varying | None = None,
) -> Loaded:
    """The same for a text that stands, or would stand, in the file ``path``."""
    document = read(text, str(path))
    _is_mapping(document)
    document.data, varied = {**document.data, **overrides}, None
    if varying is not None:
        document.data, varied = varying.apply(document.data)
    say = partial(_raise_all, document, overrides, varied)
    scenario, found = _validate(document)
    known = parts.of_data(document.data) if scenario is None else parts.of_scenario(scenario)
    traced = read_traces(known, path.parent, skip_bad_rows=skip_bad_rows)
    known = replace(known, members=traced.members, unread=tuple(traced.unread))
    found += [*traced.found, *cross_references(known)]
    say(found)
    assert scenario is not None  # no problem was found, so it is valid
    loaded = _loaded(scenario, known, traced, say, text, path)
    return replace(loaded, varied=varied)


def _loaded(
    scenario: Scenario, known: Parts, traced: Traced, say: Callable[[Iterable[Found]], None], text: str, path: Path
) -> Loaded:
    scenario = expand(scenario, traced)
    expected = expected_traffic(scenario, traced.rows)
    say(traffic(known, expected))
    say(divided(scenario, expected))
    said = (*traced.notes, *notes(known, scenario, expected))
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Loaded(scenario, text, digest, path, path.parent, said, MappingProxyType(traced.rows))


# The file


def locate(source: str | Path) -> Path:
    """The file that ``source`` names. Raises BadScenario when there is none."""
    path = Path(source).expanduser()
    if path.is_dir():
        inside = sorted(one.name for one in path.glob("*.yaml"))
        hint = f"name a file in it, as {path / inside[0]}" if inside else "name a scenario file"
        raise _refusal("this is a folder, not a scenario", str(source), hint=hint)
    if path.exists():
        return path
    found = library.find(str(source))
    if found is not None:
        return found
    raise _refusal("no such scenario", str(source), hint=_nearby(path))


def _nearby(path: Path) -> str:
    """What may have been meant: a file in the same folder, or a scenario of the library."""
    beside = [one.name for one in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
    near = closest(path.name, beside)
    if near is not None:
        return f"did you mean {str(path.parent / near)!r}?"
    return choices(path.stem, library.names()) + "; `keystorm scenarios` lists the library"


def read_text(path: Path, shown: str) -> str:
    """The text of a file without a byte order mark. Raises BadScenario when it is no UTF-8 text."""
    try:
        raw = path.read_bytes() if path.stat().st_size <= MAX_BYTES else None
    except OSError as error:
        raise _refusal("can't be read", shown, error.strerror or "", "check that this file may be read") from None
    if raw is None:
        hint = "a scenario is a page or two; logs go into trace files"
        raise _refusal(f"larger than {MAX_BYTES:,} bytes", shown, hint=hint)
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _refusal("this is UTF-16, not UTF-8", f"{shown}:1", hint="save it as UTF-8")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        value = f"byte 0x{raw[error.start]:02x}"
        raise _refusal("not UTF-8 text", f"{shown}:{line}", value, "save it as UTF-8") from None


def _refusal(message: str, place: str, value: str = "", hint: str = "") -> BadScenario:
    return BadScenario([Problem(message, place, value, hint)])


def _is_mapping(document: Document) -> None:
    if isinstance(document.data, dict):
        return
    if document.data is None:
        hint = "`keystorm init` writes a scenario to start from"
        raise _refusal("the file is empty", f"{document.name}:1", hint=hint)
    kind = "a list" if isinstance(document.data, list) else "a single value"
    hint = "start with name: …, duration: …, teams: and configurations: in the first column"
    raise _refusal(f"the file holds {kind}, not a mapping", document.place(()), hint=hint)


# The checks


def _validate(document: Document) -> tuple[Scenario | None, list[Found]]:
    try:
        return Scenario.model_validate(document.data), []
    except ValidationError as error:
        return None, words(error, document)


def _raise_all(
    document: Document, overrides: Mapping[str, object], varied: Varied | None, found: Iterable[Found]
) -> None:
    """Raises everything that was found, in the order of lines; what a flag brought stands at the flag."""
    problems = [(0, _line_of(problem), problem) for problem in document.problems]
    for item in once(found):
        flag, path = ("", item.path) if varied is None else place_of(item, varied)
        if path and path[0] in overrides:
            flag = f"--{path[0]}"
        problem = placed(replace(item, path=path), document)
        problems.append((1, document.line(path), replace(problem, place=flag) if flag else problem))
    if problems:
        ordered = [problem for _, _, problem in sorted(problems, key=lambda each: each[:2][::-1])]
        raise BadScenario(list(dict.fromkeys(ordered)))


def _line_of(problem: Problem) -> int:
    return int(problem.place.rpartition(":")[2])


__all__ = ["Loaded", "load", "load_text", "locate", "read_text"]
