"""Who sent a request, as a team's name that may be shown: mapped, and with nothing personal in it.

Keys become fingerprints, addresses of people pseudonyms. A fingerprint is the same in every import, so
that an owner of a key can find it again; a pseudonym and a session's number are salted with the
start of the log, so that nobody can find out a name by trying names.
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sim.errors import BadInput
from sim.workload.importers.base import Who
from sim.workload.importers.fields import LONGEST_NAME, NO_NAME

BY = ("team", "project", "key", "key_name", "tag")
"""What a team may be taken from."""

DEFAULT_BY = ("team", "project", "key")

MOST_NAMES = 100_000
"""Distinct names of one kind; more means that a column holds something else."""

_SECRET = re.compile(
    r"(?i)(bearer\s|basic\s|\b(?:sk|pk|rk|hs|gsk|xai|ghp|glpat|whsec)[-_]|\bAIza|\bAKIA|\bya29\.|"
    r"\b[0-9a-f]{32,}\b|\beyJ[\w-]{8,}\.|(?=[\w-]*\d)[A-Za-z0-9_]{40,})"
)
_FINGERPRINT = re.compile(r"key-[0-9a-f]{12}")
_PERSON = re.compile(r"[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+")


def fingerprint(key: str) -> str:
    """A credential's name: the first twelve digits of its SHA-256. A fingerprint is its own."""
    if _FINGERPRINT.fullmatch(key):
        return key
    return f"key-{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:12]}" if key else ""


def is_secret(text: str) -> bool:
    """Whether a text looks like a credential or the hash of one."""
    return _SECRET.search(text) is not None


@dataclass
class Labels:
    """Makes names harmless. ``by`` says what a team is taken from, in turn; ``teams`` maps raw names to teams."""

    salt: bytes
    by: tuple[str, ...] = DEFAULT_BY
    teams: Mapping[str, str] = field(default_factory=dict)
    unmapped: set[str] = field(default_factory=set)
    hidden: int = 0
    """Names that were replaced because they were addresses or credentials."""
    _known: dict[Who, tuple[str, str, str]] = field(default_factory=dict)
    _texts: dict[str, str] = field(default_factory=dict)

    def of(self, who: Who) -> tuple[str, str, str]:
        """Team, project and key of a sender, harmless; the team is "(none)" where nothing says it."""
        found = self._known.get(who)
        if found is None:
            if len(self._known) >= MOST_NAMES:
                self._known.clear()
            found = self._known[who] = (self._team(who), self.harmless(who.project), fingerprint(who.key))
        return found

    def harmless(self, text: str) -> str:
        """A name that may be written: printable, short, no credential and nobody's address."""
        found = self._texts.get(text)
        if found is None:
            if len(self._texts) >= MOST_NAMES:
                self._texts.clear()
            found = self._texts[text] = self._harmless(text)
        return found

    def session(self, text: str) -> int:
        """The number, from 1 to 2^63 - 1, that stands for a session; -1 for none."""
        return (int.from_bytes(self._hash(text), "little") >> 1) or 1 if text else -1

    def _hash(self, text: str) -> bytes:
        return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8, key=self.salt).digest()

    def _team(self, who: Who) -> str:
        if self.teams:
            mapped = self._mapped(who)
            if mapped is not None:
                return mapped
        for kind in self.by:
            raw = getattr(who, kind)
            if raw:
                name = fingerprint(raw) if kind == "key" else self.harmless(raw)
                if self.teams and len(self.unmapped) < MOST_NAMES:
                    self.unmapped.add(name)
                return name
        return NO_NAME

    def _mapped(self, who: Who) -> str | None:
        words = [each for each in (*who[:5], *who.names, fingerprint(who.key)) if each]
        for word in words:
            if word in self.teams:
                return self.teams[word]
        for pattern, team in self.teams.items():
            if any(letter in pattern for letter in "*?[") and any(fnmatch.fnmatchcase(word, pattern) for word in words):
                return team
        return None

    def _harmless(self, text: str) -> str:
        shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in text.strip())
        if is_secret(shown):
            self.hidden += 1
            return fingerprint(text.strip())
        if _PERSON.search(shown):
            self.hidden += 1
            return f"person-{self._hash(text.strip()).hex()[:8]}"
        if len(shown) > LONGEST_NAME:
            return f"{shown[: LONGEST_NAME - 9]}-{self._hash(text).hex()[:8]}"
        return shown


def plain_name(who: Who) -> str:
    """What a scenario calls a client: the log's own words, a key's fingerprint; empty for nobody."""
    return who.team or who.project or fingerprint(who.key)


def codes_in(names: dict[str, int], values: Iterable[str], kind: str) -> list[int]:
    """The numbers of names, new ones added. Raises BadInput beyond :data:`MOST_NAMES` of them."""
    found = [names.setdefault(value, len(names)) for value in values]
    if len(names) > MOST_NAMES:
        hint = f"is the column right from which a {kind} is taken?"
        raise BadInput(f"more than {MOST_NAMES:,} different {kind}s", hint=hint)
    return found
