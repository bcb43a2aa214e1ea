"""Synthetic keys: which secret stands for which key, and what becomes of it by rotation and revocation.

A secret is made from the scenario, the configuration, the key's name and its generation, so it is
the same after a restart and never needs to be written down.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sim.errors import BadInput

PREFIX = "ks-test-"
_NOT_PLAIN = re.compile(r"[^a-z0-9]+")
FOREVER = 1 << 62


@dataclass
class KeyRecord:
    """One key. ``teams`` are those that use it; an ended generation's secret may live on for a while."""

    number: int
    """Its number in the rules."""
    account: str
    project: str
    name: str
    """``account/project/key``, as in result tables."""
    teams: tuple[str, ...]
    generation: int = 1
    revoked: bool = False
    secret: str = field(default="", repr=False)

    @property
    def team(self) -> str:
        """The team behind the key, empty when several share it."""
        return self.teams[0] if len(self.teams) == 1 else ""


@dataclass(frozen=True)
class Accepted:
    """A secret that opens something, until a virtual time."""

    key: KeyRecord
    until: int = FOREVER


class Keyring:
    """All keys of one configuration. ``seed`` is what the secrets are made of."""

    def __init__(self, seed: str, keys: Iterable[tuple[str, Sequence[str]]]) -> None:
        self._seed = seed
        self._first = [self._record(at, name, tuple(teams)) for at, (name, teams) in enumerate(keys)]
        self.reset()

    def reset(self) -> None:
        """Go back to the configuration's own keys, in their first generation."""
        self.keys: list[KeyRecord] = []
        self._secrets: dict[str, Accepted] = {}
        for one in self._first:
            self._accept(KeyRecord(one.number, one.account, one.project, one.name, one.teams))

    @staticmethod
    def _record(number: int, name: str, teams: tuple[str, ...]) -> KeyRecord:
        account, project = name.split("/")[0], name.split("/")[1]
        return KeyRecord(number, account, project, name, teams)

    def _accept(self, key: KeyRecord) -> None:
        key.secret = self._secret(key)
        self._secrets[key.secret] = Accepted(key)
        if key not in self.keys:
            self.keys.append(key)

    def _secret(self, key: KeyRecord) -> str:
        digest = hashlib.sha256(f"{self._seed}\0{key.name}\0{key.generation}".encode()).hexdigest()
        words = [
            word for word in (_NOT_PLAIN.sub("-", part.lower()).strip("-") for part in key.name.split("/")) if word
        ]
        told = "-".join(word for word in words if word != "default") or "default"
        return f"{PREFIX}{told[:48]}-{digest[:20]}"

    def find(self, secret: str, now: int) -> KeyRecord | None:
        """The key that a secret stands for at a virtual time; None when it opens nothing."""
        found = self._secrets.get(secret)
        if found is None or now >= found.until or found.key.revoked:
            return None
        return found.key

    def named(self, name: str) -> KeyRecord:
        """A key by its name. Raises BadInput."""
        for key in self.keys:
            if key.name == name:
                return key
        raise BadInput("no such key", place="name", value=repr(name), hint=f"one of {', '.join(self.names())}")

    def names(self) -> list[str]:
        """The names of all keys."""
        return [key.name for key in self.keys]

    def create(self, number: int, name: str, teams: Sequence[str]) -> KeyRecord:
        """A new key; ``name`` is ``account/project/key``. Raises BadInput when it exists."""
        if name in self.names():
            raise BadInput("there is a key of this name", place="name", value=repr(name), hint="choose another name")
        key = self._record(number, name, tuple(teams))
        self._accept(key)
        return key

    def rotate(self, name: str, now: int, grace: int) -> KeyRecord:
        """Give a key a new secret; the old one works for another ``grace`` ns of virtual time."""
        key = self.named(name)
        self._secrets[key.secret] = Accepted(key, now + grace)
        key.generation += 1
        key.revoked = False
        self._accept(key)
        return key

    def revoke(self, name: str) -> KeyRecord:
        """No secret of this key works any more, until it is rotated."""
        key = self.named(name)
        key.revoked = True
        for secret in [secret for secret, one in self._secrets.items() if one.key is key and secret != key.secret]:
            del self._secrets[secret]
        return key
