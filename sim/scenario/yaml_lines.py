"""YAML as a scenario writes it, with the line of every value.

The scalars follow the core schema of YAML 1.2: only ``true`` and ``false`` are booleans, so
``on: 5m`` is a key named "on" and ``no`` is a word. Keys are always text. Anchors, aliases and
``<<`` merges work; what they expand to is bounded, so a small file can't become a huge one.
Source: YAML 1.2.2, 10.3.2 (tag resolution of the core schema).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, ClassVar

import yaml

from sim.errors import BadScenario, Problem

Path = tuple[str | int, ...]

MAX_BYTES = 5_000_000
MAX_NODES = 200_000
MAX_DEPTH = 40
MAX_SCALAR = 4_000

_NULL = re.compile(r"^(?:~|null|Null|NULL|)$")
_TRUE = re.compile(r"^(?:true|True|TRUE)$")
_FALSE = re.compile(r"^(?:false|False|FALSE)$")
_INT = re.compile(r"^[-+]?[0-9]{1,30}$")
_BASED = re.compile(r"^0(?:o[0-7]{1,30}|x[0-9a-fA-F]{1,30})$")
_FLOAT = re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$")
_SPECIAL = {
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """A parser that leaves every scalar as text; :func:`scalar` gives it a type."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


_STR = "tag:yaml.org,2002:str"
_KNOWN_TAGS = {_STR, "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}

_SYNTAX = (
    ("cannot start any token", "indent with spaces (YAML allows no tabs), and quote text that starts with @, ` or %"),
    ("tab character", "indent with spaces (YAML allows no tabs)"),
    ("mapping values are not allowed", "one `key: value` a line, one indentation a level; quote text with ': ' in it"),
    ("undefined alias", "name the value with &name before using *name, and quote text that starts with *"),
    ("another document", "one scenario a file: remove the second '---'"),
    ("quoted scalar", "close the quotation mark"),
    ("flow mapping", "close the brace and put a comma between entries"),
    ("flow sequence", "close the bracket and put a comma between entries"),
    ("flow node", "close the brace or bracket, or quote the text"),
    ("block mapping", "keys of one level start in the same column"),
    ("block collection", "entries of one level start in the same column"),
    ("document start", "everything at the top starts in the first column"),
)  # fmt: skip


def scalar(text: str) -> Any:
    """A plain scalar by the core schema of YAML 1.2: null, bool, int, float, or the text itself."""
    if _NULL.match(text):
        return None
    if _TRUE.match(text) or _FALSE.match(text):
        return text[0] in "tT"
    if _INT.match(text):
        return int(text)
    if _BASED.match(text):
        return int(text[2:], 8 if text[1] == "o" else 16)
    if _FLOAT.match(text):
        return float(text)
    return _SPECIAL.get(text, text)


@dataclass
class Document:
    """What a file says: ``data`` of dicts, lists and scalars, and the 1-based line of each path.

    The line of an entry of a mapping is that of its key, the line of an entry of a list that of
    its first character. ``problems`` are those that leave a document (duplicate keys, tags).
    """

    name: str
    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """The line of ``path``, or of the nearest thing around it that has one."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def place(self, path: Path) -> str:
        """``file:line`` of a path."""
        return f"{self.name}:{self.line(path)}"

    def at(self, path: Path) -> Any:
        """The value at ``path``. Raises KeyError, IndexError or TypeError when there is none."""
        value = self.data
        for part in path:
            value = value[part]
        return value


def read(text: str, name: str) -> Document:
    """The document in ``text``; ``name`` is what places say. Raises BadScenario when it is no YAML."""
    try:
        _bounded(text, name)
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise BadScenario([_syntax_problem(error, text, name)]) from None
    document = Document(name)
    if node is not None:
        document.data = _Reader(document).value(node, ())
    return document


def _bounded(text: str, name: str) -> None:
    """Refuses depth and length from the flat list of events, before anything recursive meets them."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        line = event.start_mark.line + 1 if event.start_mark else 1
        if depth > MAX_DEPTH:
            raise _refusal(
                name, line, f"values are nested more than {MAX_DEPTH} deep", "no scenario needs that many levels"
            )
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > MAX_SCALAR:
            raise _refusal(name, line, f"a value has more than {MAX_SCALAR} characters", "shorten it")


def _refusal(name: str, line: int, message: str, hint: str) -> BadScenario:
    return BadScenario([Problem(message, f"{name}:{line}", hint=hint)])


def _syntax_problem(error: yaml.YAMLError, text: str, name: str) -> Problem:
    said = " ".join(str(part) for part in (getattr(error, "context", ""), getattr(error, "problem", "")) if part)
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:  # control characters: the reader knows a position, not a line
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        found = (
            repr(chr(character)) if isinstance(character := getattr(error, "character", ""), int) else repr(character)
        )
        return Problem("not valid YAML: a control character", f"{name}:{line}", found, "remove the character")
    hint = next(
        (hint for words, hint in _SYNTAX if words in said),
        "check indentation, colons, quotes and brackets around this line",
    )
    return Problem(f"not valid YAML: {said}", f"{name}:{mark.line + 1}", _line_text(text, mark.line), hint)


def _line_text(text: str, line: int) -> str:
    lines = text.splitlines()
    return repr(lines[line].strip()[:80]) if line < len(lines) and lines[line].strip() else ""


class _Reader:
    """Turns composed nodes into values, and notes the line of each path."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.count = 0
        self.open: set[int] = set()

    def value(self, node: yaml.Node, path: Path) -> Any:
        self._count(node)
        self.document.lines.setdefault(path, _line(node))
        if node.tag not in _KNOWN_TAGS:
            self._problem(
                path,
                "a YAML tag has no meaning in a scenario",
                node.tag,
                "remove the tag (the word that starts with !)",
            )
        if isinstance(node, yaml.ScalarNode):
            return scalar(node.value) if _plain(node) else node.value
        if id(node) in self.open:
            raise _refusal(
                self.document.name,
                _line(node),
                "an anchor contains itself",
                "remove the alias inside the anchored value",
            )
        self.open.add(id(node))
        value = self._list(node, path) if isinstance(node, yaml.SequenceNode) else self._mapping(node, path)
        self.open.discard(id(node))
        return value

    def _count(self, node: yaml.Node) -> None:
        self.count += 1
        if self.count > MAX_NODES:
            hint = "aliases (*name) multiply what they refer to; use fewer of them"
            raise _refusal(
                self.document.name, _line(node), f"more than {MAX_NODES} values after aliases are expanded", hint
            )

    def _list(self, node: yaml.SequenceNode, path: Path) -> list[Any]:
        return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]

    def _mapping(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: list[yaml.Node] = []
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            if key is None:
                continue
            if key == "<<" and _plain(key_node):
                merged.append(value_node)
                continue
            here = (*path, key)
            if key in found:
                self._duplicate(here, key, _line(key_node))
                continue
            self.document.lines[here] = _line(key_node)
            found[key] = self.value(value_node, here)
        for source in merged:
            self._merge(found, source, path)
        return found

    def _merge(self, found: dict[str, Any], source: yaml.Node, path: Path) -> None:
        """What ``<<`` brings in: entries that the mapping does not have itself."""
        for part in source.value if isinstance(source, yaml.SequenceNode) else [source]:
            if not isinstance(part, yaml.MappingNode):
                self._problem(
                    path, "<< merges mappings only", "", "write <<: *name where &name is a mapping", _line(part)
                )
                continue
            inner = _Reader(Document(self.document.name))
            inner.count, inner.open = self.count, self.open
            values = inner.value(part, path)
            self.count = inner.count
            found.update({key: value for key, value in values.items() if key not in found})
            for where, line in inner.document.lines.items():
                self.document.lines.setdefault(where, line)

    def _key(self, node: yaml.Node, path: Path) -> str | None:
        self._count(node)
        if isinstance(node, yaml.ScalarNode) and node.value:
            return str(node.value)
        self._problem(path, "a key must be plain text", "", "one word before the colon", _line(node))
        return None

    def _duplicate(self, path: Path, key: str, line: int) -> None:
        first = self.document.lines[path]
        self._problem(path, f"the key is given twice, first on line {first}", repr(key), "keep one of the two", line)

    def _problem(self, path: Path, message: str, value: str, hint: str, line: int | None = None) -> None:
        place = f"{self.document.name}:{line or self.document.line(path)}"
        self.document.problems.append(Problem(message, place, value, hint))


def _plain(node: yaml.ScalarNode) -> bool:
    return not node.style  # None or "", by parser; else the quote or the block sign


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1 if node.start_mark else 1
