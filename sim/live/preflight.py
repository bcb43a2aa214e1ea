"""Before any load: one cheap call with each key, and what it found.

The call lists models (or counts the tokens of one word where there is no list): nothing is generated.
What is certain to fail is an error; what may surprise is a warning.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from sim.live.secrets import fingerprint, redacted
from sim.live.target import Target

TIMEOUT_S = 15.0
SKEWED_S = 2.0
"""A date this far from ours is told: ``retry-after`` as a date, and logs, would be off by as much."""
EXPIRES_DAYS = 14
_ANTHROPIC = "anthropic-ratelimit-{}-limit"
_OPENAI = "x-ratelimit-limit-{}"
_DIMENSIONS = {"requests": "requests", "tokens": "tokens", "input-tokens": "input_tokens",
               "output-tokens": "output_tokens"}  # fmt: skip
_ACCEPTED = (200, 429)
"""Statuses that only an accepted key is answered with."""
Now = Callable[[], datetime]


@dataclass(frozen=True)
class Found:
    """What one key's call said. ``status`` is 0 where no answer came; ``said`` is then why."""

    key: str
    variable: str
    fingerprint: str
    asked: str
    status: int
    said: str = ""
    models: tuple[str, ...] = ()
    limits: Mapping[str, int] = field(default_factory=dict)
    """What its headers say may pass in a minute, by the scenario's names of dimensions."""
    skew_s: float | None = None
    """By how much the target's clock is ahead of ours."""
    tls: str = ""
    """Version of TLS and the end of the certificate, empty without TLS."""
    expires_days: float | None = None

    @property
    def accepted(self) -> bool:
        """Whether the key opened something."""
        return self.status in _ACCEPTED


@dataclass(frozen=True)
class Preflight:
    """All keys' calls; ``problems`` are certain to fail, ``warnings`` may surprise."""

    found: tuple[Found, ...]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Expected:
    """What the scenario assumes of a key: the tightest limit a minute by dimension, and its models."""

    limits: Mapping[str, float]
    models: tuple[str, ...]


def check(
    target: Target, named: Mapping[str, str], environment: Mapping[str, str], expected: Mapping[str, Expected],
    client: httpx.Client | None = None, now: Now = lambda: datetime.now(UTC),
) -> Preflight:  # fmt: skip
    """Call once with each key (``named``: key → variable) and say what was found. Raises nothing for what it finds."""
    opened = client or httpx.Client(timeout=TIMEOUT_S, trust_env=False, follow_redirects=False)
    secrets = [environment[name].strip() for name in named.values()]
    try:
        found = [_ask(opened, target, key, name, secret, expected[key], secrets, now)
                 for (key, name), secret in zip(named.items(), secrets, strict=True)]  # fmt: skip
    finally:
        if client is None:
            opened.close()
    problems = [text for one in found for text in _problems(one)]
    warnings = [text for one in found for text in _warnings(one, expected[one.key])]
    return Preflight(tuple(found), tuple(dict.fromkeys(problems)), tuple(dict.fromkeys(warnings)))


def headers(api: str, secret: str) -> dict[str, str]:
    """What authenticates a call."""
    if api == "anthropic":
        return {"x-api-key": secret, "anthropic-version": "2023-06-01"}
    return {"authorization": f"Bearer {secret}"}


def _ask(
    client: httpx.Client, target: Target, key: str, name: str, secret: str, expected: Expected,
    secrets: Sequence[str], now: Now,
) -> Found:  # fmt: skip
    """List models; where there is no such list, count the tokens of a word."""
    path = "/v1/models" if target.api == "anthropic" else "/models"
    mark = fingerprint(secret)
    try:
        answer, tls = _sent(client, "GET", target.base_url + path, headers(target.api, secret))
        asked = f"GET {path}"
        if answer.status_code in (404, 405) and target.api == "anthropic" and expected.models:
            asked = "POST /v1/messages/count_tokens"
            said = {"model": expected.models[0], "messages": [{"role": "user", "content": "hello"}]}
            url = f"{target.base_url}/v1/messages/count_tokens"
            answer, tls = _sent(client, "POST", url, headers(target.api, secret), said)
    except (httpx.HTTPError, ssl.SSLError) as error:
        return Found(key, name, mark, f"GET {path}", 0, redacted(f"{type(error).__name__}: {error}", secrets))
    return Found(
        key, name, mark, asked, answer.status_code, redacted(_message(answer), secrets), _models(answer),
        limits_of(answer.headers), _skew(answer.headers, now), *_certificate(tls, now),
    )  # fmt: skip


def _sent(client: httpx.Client, method: str, url: str, head: Mapping[str, str], said: Any = None) -> Any:
    """The answer, and what is known of its TLS connection, which is gone when the answer has been read."""
    request = client.build_request(method, url, headers=dict(head), json=said)
    answer = client.send(request, stream=True)
    try:
        stream = answer.extensions.get("network_stream")
        found = None if stream is None else stream.get_extra_info("ssl_object")
        tls = None if found is None else (found.version() or "TLS", dict(found.getpeercert() or {}))
        answer.read()
    finally:
        answer.close()
    return answer, tls


def limits_of(found: Mapping[str, str]) -> dict[str, int]:
    """Rate limits that headers of either shape state, by the scenario's names of dimensions."""
    limits: dict[str, int] = {}
    for shape in (_ANTHROPIC, _OPENAI):
        for theirs, ours in _DIMENSIONS.items():
            value = found.get(shape.format(theirs), "")
            if value.isascii() and value.isdigit():
                limits[ours] = int(value)
    return limits


def _models(answer: httpx.Response) -> tuple[str, ...]:
    try:
        listed = answer.json().get("data", ())
        return tuple(str(one["id"]) for one in listed if isinstance(one, dict) and "id" in one)
    except (ValueError, AttributeError, TypeError):
        return ()


def _message(answer: httpx.Response) -> str:
    """What an error says, in one line; nothing of an answer that is none."""
    if answer.status_code < 400:
        return ""
    try:
        error = answer.json().get("error", {})
        text = error.get("message", "") if isinstance(error, dict) else str(error)
    except (ValueError, AttributeError):
        text = answer.text
    return " ".join(str(text).split())[:200]


def _skew(found: Mapping[str, str], now: Now) -> float | None:
    try:
        date = parsedate_to_datetime(found.get("date", ""))
        return (date - now()).total_seconds()
    except (TypeError, ValueError):
        return None


def _certificate(tls: Any, now: Now) -> tuple[str, float | None]:
    if tls is None:
        return "", None
    version, certificate = tls
    ends = certificate.get("notAfter")
    if not ends:
        return version, None
    date = datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC)
    return f"{version}, certificate until {date:%Y-%m-%d}", (date - now()).total_seconds() / 86400


def _problems(one: Found) -> Iterator[str]:
    """What is certain to fail."""
    key = f"{one.key} ({one.variable}, key {one.fingerprint})"
    said = f": {one.said}" if one.said else ""
    if one.status == 0:
        yield f"the target can't be reached: {one.said}"
    elif one.status in (401, 403):
        yield f"{key} is not accepted: {one.status}{said}"
    elif one.status >= 500:
        yield f"the target answers {one.status} to {one.asked}{said}"
    elif 300 <= one.status < 400:
        yield f"the target redirects {one.asked} ({one.status}); name the URL that it redirects to"
    elif one.status == 400:
        yield f"{one.asked} with {key} is answered 400{said}"


def _warnings(one: Found, expected: Expected) -> Iterator[str]:
    key = f"{one.key}: "
    if one.status in (404, 405):
        yield f"{key}{one.asked} is answered {one.status}; whether the key is accepted is not known"
    if one.status == 429:
        yield f"{key}accepted, and rate-limited at this moment{f' ({one.said})' if one.said else ''}"
    if one.models and (strange := [name for name in expected.models if name not in one.models]):
        yield f"{key}the target does not list {', '.join(strange)}"
    for dimension, limit in one.limits.items():
        assumed = expected.limits.get(dimension)
        if assumed is not None and abs(assumed - limit) > 0.01 * max(assumed, limit):
            yield (
                f"{key}the target limits {dimension.replace('_', ' ')} to {limit:,} a minute by its headers, "
                f"the scenario to {assumed:,.6g}"
            )
    if one.skew_s is not None and abs(one.skew_s) > SKEWED_S:
        ahead = "ahead of" if one.skew_s > 0 else "behind"
        yield f"the target's clock is {abs(one.skew_s):.0f} s {ahead} ours: a retry-after that is a date would be off"
    if one.expires_days is not None and one.expires_days < EXPIRES_DAYS:
        yield f"the target's certificate ends in {one.expires_days:.0f} days"


def lines(found: Preflight) -> list[str]:
    """What was found, for people."""
    said = [_line(one) for one in found.found]
    return [*said, *(f"mind: {text}" for text in found.warnings), *(f"problem: {text}" for text in found.problems)]


def _line(one: Found) -> str:
    parts = [f"{one.key} (key {one.fingerprint}): "]
    if one.status == 0:
        return parts[0] + "no answer"
    parts.append(f"{one.asked} → {one.status}, " + ("accepted" if one.accepted else "not known to be accepted"))
    if one.models:
        parts.append(f", {len(one.models)} models")
    if one.limits:
        told = ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in one.limits.items())
        parts.append(f", limits a minute: {told}")
    else:
        parts.append(", no rate-limit headers")
    if one.skew_s is not None:
        parts.append(f", clock {one.skew_s:+.0f} s")
    parts.append(f", {one.tls}" if one.tls else ", no TLS")
    return "".join(parts)


def as_json(found: Preflight) -> dict[str, Any]:
    """The same for ``live.json`` and ``--json``: no secret, only fingerprints."""
    return {
        "keys": [
            {"key": one.key, "variable": one.variable, "fingerprint": one.fingerprint, "asked": one.asked,
             "status": one.status, "accepted": one.accepted, "said": one.said, "models": len(one.models),
             "limits": dict(one.limits), "clock_skew_s": one.skew_s, "tls": one.tls}
            for one in found.found
        ],
        "problems": list(found.problems), "warnings": list(found.warnings),
    }  # fmt: skip
