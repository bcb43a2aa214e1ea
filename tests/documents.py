"""What the documents tell a reader to type, taken out of them: shell commands, Python, and files by name."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
_BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(keystorm [a-z]+ (?!-)[^`\n]*)`")
_OPEN = re.compile(r"[A-Z]{3,}|…|\.\.\.")
"""Words in capitals stand for something: such a line shows a form, not a command to type."""


@dataclass(frozen=True)
class Command:
    """One line as it is typed: the page, the line's number there, its words."""

    page: str
    line: int
    text: str

    @property
    def words(self) -> list[str]:
        """The words without a comment, and without where the output goes."""
        words = shlex.split(self.text, comments=True)
        return words[: words.index(">")] if ">" in words else words

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"


def blocks(page: Path, *languages: str) -> Iterator[tuple[int, str]]:
    """Line number and text of each fenced block of these languages."""
    text = page.read_text("utf-8")
    for found in _BLOCK.finditer(text):
        if found[1] in languages:
            yield text.count("\n", 0, found.start(2)) + 1, found[2]


def commands(page: Path) -> Iterator[Command]:
    """Every line of the shell blocks, lines that go on joined, and every whole `keystorm …` in the text."""
    name = str(page.relative_to(ROOT))
    for start, block in blocks(page, "sh", "bash", "console"):
        joined = block.replace("\\\n", "  ")
        for number, line in enumerate(joined.splitlines()):
            text = line.removeprefix("$ ").strip()
            if text and not text.startswith("#"):
                yield Command(name, start + number, text)
    text = page.read_text("utf-8")
    for found in _INLINE.finditer(_BLOCK.sub(lambda block: "\n" * block[0].count("\n"), text)):
        if not _OPEN.search(found[1]):
            yield Command(name, text.count("\n", 0, found.start()) + 1, found[1])
