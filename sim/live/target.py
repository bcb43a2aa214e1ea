"""Where a live run is aimed: the URL, whether it is this machine, and which variable holds which key's secret."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from sim.errors import BadInput

FLAG = "--target"
OWNED = "--i-own-this-target"
PREFIX = "KEYSTORM_KEY_"
PLAIN = re.compile(r"[^A-Za-z0-9]+")
Addresses = Callable[[str, int], Sequence[str]]
"""Host and port → the addresses that it stands for. Raises OSError."""


@dataclass(frozen=True)
class Target:
    """A parsed target. ``base_url`` is what the API's official client takes, without a slash at the end."""

    base_url: str
    host: str
    port: int
    tls: bool
    api: str
    addresses: tuple[str, ...]

    @property
    def is_here(self) -> bool:
        """Whether every address that it stands for is this machine's loopback."""
        return bool(self.addresses) and all(map(_is_loopback, self.addresses))


def _is_loopback(address: str) -> bool:
    found = ipaddress.ip_address(address)
    mapped = getattr(found, "ipv4_mapped", None)  # ::ffff:127.0.0.1
    return bool((mapped or found).is_loopback)


def addresses_of(host: str, port: int) -> list[str]:
    """What a name stands for now, without repetition."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


def parse(url: str, api: str, resolve: Addresses = addresses_of) -> Target:
    """The target that ``url`` names. Raises BadInput where it is none, or stands for no address.

    For OpenAI's shape the base ends in ``/v1``, as its client takes it; for Anthropic's it does not.
    """
    parts = _split(url)
    host = parts.hostname or ""
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise _refused("not a port", _without_secrets(parts), "a number from 1 to 65535") from None
    path = parts.path.rstrip("/")
    path = path.removesuffix("/v1") if api == "anthropic" else path if path.endswith("/v1") else f"{path}/v1"
    shown = f"[{host}]" if ":" in host else host
    base = f"{parts.scheme}://{shown}{f':{parts.port}' if parts.port else ''}{path}"
    try:
        found = tuple(resolve(host, port))
    except OSError as error:
        said = f"{host}: {error.strerror or error}"
        raise _refused("the target's name stands for no address", said, "check it, or your network") from None
    return Target(base, host, port, parts.scheme == "https", api, found)


def _split(url: str) -> SplitResult:
    hint = "http://127.0.0.1:4000, or https://gateway.example.com/v1"
    try:
        parts = urlsplit(url.strip())
        host = parts.hostname
    except ValueError:
        raise _refused("not a URL", "", hint) from None
    if parts.username or parts.password:
        raise _refused("a target has no user or password in it", _without_secrets(parts), f"keys go into {PREFIX}…")
    if parts.scheme not in ("http", "https") or not host:
        raise _refused("not a URL of http or https", repr(_without_secrets(parts)), hint)
    if parts.query or parts.fragment:
        raise _refused("a target has no query", _without_secrets(parts), hint)
    return parts


def _without_secrets(parts: SplitResult) -> str:
    """A URL as it may be shown: what a user, a password or a query says may be a key."""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" if parts.scheme else parts.path[:80]


def _refused(problem: str, value: str, hint: str) -> BadInput:
    return BadInput(problem, place=FLAG, value=value, hint=hint)


def check_owned(target: Target, owned: bool) -> None:
    """Raises BadInput for a target that is not this machine, unless the user says that it is theirs."""
    if target.is_here or owned:
        return
    others = [one for one in target.addresses if not _is_loopback(one)]
    hint = (
        f"load goes to this machine only. If {target.host} is yours to load, say {OWNED}; "
        "--dry-run tells first what would be sent and what it would cost"
    )
    told = target.host if others == [target.host] else f"{target.host} is {', '.join(others[:3])}"
    raise _refused("the target is not this machine", told, hint)


# Keys


def variable(key: str) -> str:
    """The environment variable of a key's secret: ``account/project/key`` → ``KEYSTORM_KEY_ACCOUNT_PROJECT_KEY``.

    Parts that are called ``default`` are left out, as they are where a key is shown.
    """
    parts = [PLAIN.sub("_", part).strip("_").upper() for part in key.split("/")]
    kept = [part for part in parts if part and part != "DEFAULT"]
    return PREFIX + "_".join(kept or ["DEFAULT"])


def variables(keys: Sequence[str]) -> dict[str, str]:
    """Each key's variable. Names that would fall together are numbered, so that no key gets another's secret."""
    found: dict[str, str] = {}
    for key in keys:
        name, number = variable(key), 1
        while name in found.values():
            number += 1
            name = f"{variable(key)}_{number}"
        found[key] = name
    return found


def check_secrets(named: Mapping[str, str], teams: Mapping[str, Sequence[str]], environment: Mapping[str, str]) -> None:
    """Raises BadInput that lists every variable that is missing, and whose key it holds; never a value."""
    missing = [key for key, name in named.items() if not environment.get(name, "").strip()]
    if not missing:
        strange = [name for name in named.values() if not _sendable(environment[name].strip())]
        if strange:
            hint = "a key is printable ASCII without spaces; was something else pasted with it?"
            raise BadInput("not a key that a header can carry", place=", ".join(strange), hint=hint)
        return
    lines = [f"export {named[key]}=…   # {key}: {', '.join(teams.get(key, ()))}" for key in missing]
    hint = "\n          ".join(["set them; they are read from the environment and written nowhere:", *lines])
    told = f"{len(missing)} of {len(named)} keys"
    raise BadInput("keys without a secret in the environment", place=FLAG, value=told, hint=hint)


def _sendable(secret: str) -> bool:
    return secret.isascii() and secret.isprintable() and " " not in secret


__all__ = ["Target", "addresses_of", "check_owned", "check_secrets", "parse", "variable", "variables"]
