"""Secrets in words: as fingerprints, and out of every text that somebody else wrote."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

BEGINNING, END = 12, 8
"""So many characters of a secret, from its start or to its end, are cut out of foreign text too."""


def fingerprint(secret: str) -> str:
    """What stands for a secret where it must be told apart from another: eight hexadecimal digits."""
    return hashlib.sha256(secret.encode()).hexdigest()[:8]


def redacted(text: str, secrets: Iterable[str]) -> str:
    """``text`` with every secret in it replaced by its fingerprint: whole, or a piece as servers quote it."""
    for secret in sorted((one for one in secrets if one), key=len, reverse=True):
        shown = f"[key {fingerprint(secret)}]"
        text = text.replace(secret, shown)
        for size in range(len(secret) - 1, END - 1, -1):
            text = text.replace(secret[-size:], shown)
            text = text.replace(secret[:size], shown) if size >= BEGINNING else text
    return text
