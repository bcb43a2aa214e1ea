"""What a refused client is told: words, error kinds and headers for each refuser."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

from sim.emulator.bodies import Trouble
from sim.emulator.faults import Active, Refuse
from sim.emulator.openai import duration_text
from sim.emulator.site import Site
from sim.policy.admission import UNAUTHORIZED
from sim.units import MONTH, SECOND

NO_KEY = {
    "anthropic": "x-api-key header is required",
    "openai": "You didn't provide an API key. Provide it in an Authorization header, as in Authorization: Bearer KEY.",
}
BAD_KEY = {"anthropic": "invalid x-api-key", "openai": "Incorrect API key provided."}


def unknown_model(name: str, known: list[str]) -> Trouble:
    """A model that nobody serves here."""
    return Trouble(404, f"model: {name[:80]} (served here: {', '.join(known)})", kind="model", param="model")


def of(
    site: Site, dialect: str, status: int, refuser: str, retry_after: int, model: str, injected: Active | None
) -> Trouble:
    """Why an attempt was refused, in the words of the provider where clients look for them."""
    if injected is not None and isinstance(injected.spec, Refuse):
        code = injected.spec.error_code or ""
        return Trouble(status, f"Injected fault {injected.kind}: status {status}.", code=code)
    if refuser.startswith("budget:"):
        return _budget(site, status, refuser.removeprefix("budget:"))
    if refuser.startswith("model:"):
        return Trouble(status, f"This API key does not have access to model {model}.", kind="model", param="model")
    if status == UNAUTHORIZED:
        return Trouble(status, BAD_KEY[dialect])
    if refuser.startswith("ban:"):
        return Trouble(
            status, f"This {refuser.removeprefix('ban:')} has been disabled for violations of the usage policy."
        )
    if refuser.startswith("policy:"):
        return Trouble(status, "Output blocked by content filtering policy", code="content_policy_violation")
    if site.decisions.is_rate_limit(status) and not refuser.startswith("storm:"):
        return _limit(site, refuser, retry_after)
    return Trouble(status, _GENERAL.get(status, "The service can't answer now."))


_GENERAL = {
    429: "Number of requests has exceeded your rate limit. Try again later.",
    500: "Internal server error", 503: "The service is overloaded or not ready yet.", 529: "Overloaded",
}  # fmt: skip


def _limit(site: Site, refuser: str, retry_after: int) -> Trouble:
    when = f" Please try again in {duration_text(retry_after)}." if retry_after >= 0 else ""
    return Trouble(429, f"This request would exceed the rate limit{site.limit_size(refuser)} ({refuser}).{when}")


def _budget(site: Site, status: int, cap: str) -> Trouble:
    if status == 422:
        return Trouble(422, f"Budget has been exceeded! ({cap})", kind="budget")
    if status == 429:
        return Trouble(
            429, "You exceeded your current quota, please check your plan and billing details.", kind="budget"
        )
    row = next(at for at, one in enumerate(site.decisions.setting.rows.caps) if one.name == cap)
    period = site.decisions.setting.rows.caps[row].cap.amount.period_ns
    now = site.clock.now()
    again = datetime.fromtimestamp(site.clock.date((now // period + 1) * period) // SECOND, UTC)
    workspace = "workspace " if cap.startswith("project:") else ""
    shown = again.strftime("%Y-%m-%d at %H:%M UTC")
    what = "usage limits" if period <= MONTH else "limits"
    return Trouble(
        status, f"You have reached your specified {workspace}API {what}. You will regain access on {shown}.", "budget"
    )


def head(site: Site, retry_after: int, injected: Active | None) -> str:
    """``retry-after`` in virtual seconds, and what an injected refusal says beside it, as header lines."""
    spec = None if injected is None else injected.spec
    if not isinstance(spec, Refuse):
        return "" if retry_after < 0 else f"retry-after: {-(-retry_after // SECOND)}\r\n"
    found = "" if retry_after < 0 else _written(site, retry_after, spec.retry_after_as)
    if spec.should_retry is not None:
        found += f"x-should-retry: {str(spec.should_retry).lower()}\r\n"
    return found


def _written(site: Site, retry_after: int, how: str) -> str:
    if how == "ms":
        return f"retry-after-ms: {-(-retry_after // 1_000_000)}\r\n"
    if how == "date":
        date = datetime.fromtimestamp(-(-(site.clock.today() + retry_after) // SECOND), UTC)
        return f"retry-after: {format_datetime(date, usegmt=True)}\r\n"
    return f"retry-after: {retry_after / SECOND:g}\r\n"
