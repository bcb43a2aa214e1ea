"""Problems of a scenario in plain words: where, what, the value as written, and what would be right."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from pydantic import ValidationError

from sim.errors import BadInput, Problem
from sim.scenario.json_schema import examples_at, keys_at
from sim.scenario.yaml_lines import Document, Path

MAX_LISTED = 14
NOTHING = "nothing"


@dataclass(frozen=True)
class Found:
    """A problem and the path inside the document where it stands; the loader adds file and line."""

    path: Path
    message: str
    value: str = ""
    hint: str = ""


def placed(found: Found, document: Document) -> Problem:
    """The problem with its ``file:line``."""
    return Problem(found.message, document.place(found.path), found.value, found.hint)


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like ``word``, or None when nothing is near."""
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), by_lower, 1, 0.6)
    return by_lower[near[0]] if near else None


def choices(word: str, known: Iterable[str]) -> str:
    """A hint for an unknown word: ``did you mean "x"?``, else the known ones."""
    names = list(known)
    near = closest(word, names)
    if near is not None:
        return f"did you mean {near!r}?"
    more = f", … ({len(names)} in all)" if len(names) > MAX_LISTED else ""
    return "known: " + ", ".join(names[:MAX_LISTED]) + more if names else "there are none"


def unknown(path: Path, what: str, word: str, known: Iterable[str]) -> Found:
    """An unknown name of something."""
    return Found(path, f"unknown {what}", repr(word), choices(word, known))


def shown(value: Any) -> str:
    """A value as a file writes it; a long or nested one is not shown."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (dict, list, tuple)):
        text = json.dumps(value, default=str, ensure_ascii=False)
        return text if len(text) <= 80 else ""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:76]} …"


def words(error: ValidationError, document: Document) -> list[Found]:
    """Every problem that a validation found, in our words, without those that follow from another."""
    found = [_one(detail, document) for detail in error.errors(include_url=False) if _real(detail)]
    guessed = {(item.path[:-1], item.hint) for item in found if item.message == "unknown key"}
    kept = [item for item in found if not _follows(item, guessed)]
    return kept or [Found((), "not a scenario", "", "see `keystorm schema`")]


def _real(detail: Any) -> bool:
    """A list whose entries have mistakes is called too short as well, which it is not."""
    value = detail.get("input")
    filled = isinstance(value, (list, tuple, dict)) and len(value) >= detail.get("ctx", {}).get("min_length", 1)
    return not (detail["type"] == "too_short" and filled)


def _follows(item: Found, guessed: set[tuple[Path, str]]) -> bool:
    """A missing key whose misspelt form was found beside it."""
    missing = re.match(r"^(\S+) is missing$", item.message)
    return missing is not None and (item.path, f"did you mean {missing[1]!r}?") in guessed


def _one(detail: Any, document: Document) -> Found:
    path, rest = locate(detail["loc"], document.data)
    kind = detail["type"]
    value = _as_written(path, detail.get("input"), document)
    context = detail.get("ctx", {})
    if kind == "missing":
        return _missing(path, str(rest[-1]) if rest else "a value")
    if kind == "extra_forbidden":
        return Found(path, "unknown key", repr(path[-1]), choices(str(path[-1]), keys_at(path[:-1])))
    if kind == "value_error":
        return _ours(path, context["error"], value)
    message, hint = _MESSAGES.get(kind, _fallback)(context)
    if kind == "literal_error":
        allowed = [word.strip("'") for word in re.split(", | or ", context["expected"])]
        hint = choices(str(value), allowed) if isinstance(value, str) else "one of " + ", ".join(allowed)
    return Found(path, message, shown(value), hint)


def _as_written(path: Path, value: Any, document: Document) -> Any:
    """What stands in the file; a bound is checked after ``5m`` has become a count of nanoseconds."""
    written = document.at(path)
    return value if isinstance(written, (dict, list)) else written


def _missing(path: Path, name: str) -> Found:
    examples = examples_at((*path, name))
    shape = f" {examples[0]}" if examples else ""
    return Found(path, f"{name} is missing", "", f"add {name}:{shape}")


def _ours(path: Path, error: Exception, value: Any) -> Found:
    if not isinstance(error, BadInput):
        return Found(path, str(error), shown(value))
    problem = error.problem
    said = shown(value) if problem.value in ("", repr(value)) else problem.value
    return Found(path, problem.message, said, problem.hint)


def locate(loc: tuple[str | int, ...], data: Any) -> tuple[Path, tuple[str | int, ...]]:
    """The part of a validator's location that exists in the document, and what is left of it.

    Names of union choices (``=fixed``) and of short forms are steps that no document has.
    """
    path: list[str | int] = []
    rest: list[str | int] = []
    for part in loc:
        inside = isinstance(data, dict) and part in data
        inside = inside or (isinstance(data, list) and isinstance(part, int) and part < len(data))
        if inside and not rest:
            path.append(part)
            data = data[part]
        elif isinstance(part, str) and not part.startswith("=") and part != "[key]":
            rest.append(part)
    return tuple(path), tuple(rest)


def of_detail(detail: Any) -> tuple[str, str, str]:
    """Message, value and hint of one problem of a value that was put together, not read from a file."""
    context = detail.get("ctx", {})
    error = context.get("error")
    if isinstance(error, BadInput):
        return error.problem.message, error.problem.value, error.problem.hint
    message, hint = _MESSAGES.get(detail["type"], _fallback)(context)
    key = next((str(part) for part in reversed(detail["loc"]) if isinstance(part, str) and part[:1] != "="), "")
    return f"{key} {message}".strip(), shown(detail.get("input")), hint


def _fixed(message: str, hint: str) -> Callable[[dict[str, Any]], tuple[str, str]]:
    return lambda context: (message, hint)


def _bound(words: str, key: str) -> Callable[[dict[str, Any]], tuple[str, str]]:
    return lambda context: (f"must be {words} {_plain(context[key])}", "")


def _plain(value: Any) -> str:
    return f"{float(value):g}" if isinstance(value, float | Fraction) else str(value)


def _too_short(context: dict[str, Any]) -> tuple[str, str]:
    least = context.get("min_length", 1)
    return ("needs at least one entry", "add one") if least == 1 else (f"needs {least} entries", "")


def _fallback(context: dict[str, Any]) -> tuple[str, str]:
    return "a value of the wrong kind", "see `keystorm schema`"


_MAPPING = _fixed("needs a mapping", "write `key: value` lines, or {key: value}")
_LIST = _fixed("needs a list", "write [a, b], or one `- entry` a line")

_MESSAGES: dict[str, Callable[[dict[str, Any]], tuple[str, str]]] = {
    "literal_error": _fixed("not one of the known words", ""),
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "dict_type": _MAPPING,
    "mapping_type": _MAPPING,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "string_type": _fixed("needs text", 'quote it, as "42"'),
    "string_too_short": _fixed("must not be empty", "give it a name"),
    "string_too_long": lambda context: (f"longer than {context['max_length']} characters", "use a shorter name"),
    "string_pattern_mismatch": _fixed(
        "has characters that a name can't have", "letters, digits, '-', '_' and '.', starting with a letter or digit"
    ),
    "greater_than": _bound("above", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than": _bound("below", "lt"),
    "less_than_equal": _bound("at most", "le"),
    "finite_number": _fixed("must be a finite number", ""),
    "too_short": _too_short,
    "too_long": lambda context: (f"has more than {context['max_length']} entries", ""),
}


def once(found: Iterable[Found]) -> Iterator[Found]:
    """Each problem once: the same words at the same path are one problem."""
    seen: set[tuple[Path, str, str]] = set()
    for item in found:
        if (item.path, item.message, item.value) not in seen:
            seen.add((item.path, item.message, item.value))
            yield item
