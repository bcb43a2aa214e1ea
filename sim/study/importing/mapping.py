"""The file of ``--teams``: which names in a log are which team.

YAML, as ``team: [name, name]`` or ``name: team``; or CSV with a name and its team in each line. A name
is whatever the log calls the sender: a team's or workspace's id, a key, its name or its fingerprint,
a tag. ``*`` and ``?`` stand for any letters. Keys written there go nowhere else.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from sim.errors import BadInput
from sim.workload.importers.fields import LONGEST_NAME

Line = tuple[str, str, str]
"""A name, its team, and where that is said."""

_HINT = "team: [name, name] or name: team; in CSV a name and its team in each line"


def read_mapping(path: Path) -> dict[str, str]:
    """Name → team. Raises BadInput for what can't be read, and for a name of two teams."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        value = getattr(error, "strerror", None) or str(error)
        raise BadInput("can't read this file", place=str(path), value=value, hint="a YAML or CSV file") from error
    lines = _csv(path, text) if path.suffix.lower() == ".csv" else _yaml(path, text)
    found: dict[str, str] = {}
    for name, team, place in lines:
        if not name or not team or len(team) > LONGEST_NAME or not team.isprintable():
            hint = f"a name and a team of at most {LONGEST_NAME} characters"
            raise BadInput("not a name and its team", place=place, hint=hint)
        if found.get(name, team) != team:
            # The name may be a key: it is not repeated.
            raise BadInput(
                "a name has two teams", place=place, value=f"{found[name]} and {team}", hint="keep one of them"
            )
        found[name] = team
    if not found:
        raise BadInput("no team is named", place=str(path), hint=_HINT)
    return found


def _csv(path: Path, text: str) -> Iterator[Line]:
    for number, row in enumerate(csv.reader(text.splitlines()), 1):
        if not row or (number == 1 and row[-1].strip().lower() == "team"):
            continue
        if len(row) != 2:
            raise BadInput("not two columns", place=f"{path}:{number}", value=str(len(row)), hint=_HINT)
        yield row[0].strip(), row[1].strip(), f"{path}:{number}"


def _yaml(path: Path, text: str) -> Iterator[Line]:
    from sim.scenario.yaml_lines import read

    data = read(text, str(path)).data
    if not isinstance(data, dict):
        raise BadInput("not a map of names and teams", place=str(path), value=type(data).__name__, hint=_HINT)
    for name, value in data.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, (dict, list)) or each is None:
                raise BadInput("not a name", place=f"{path}: {name if isinstance(value, list) else '…'}", hint=_HINT)
            pair = (str(each), str(name)) if isinstance(value, list) else (str(name), str(each))
            yield pair[0].strip(), pair[1].strip(), str(path)
