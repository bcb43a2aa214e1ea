"""The dashboard: one page, one style sheet, one script, all from this package; it reads the event stream."""

from __future__ import annotations

from importlib.resources import files

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_TYPES = {"css": "text/css", "js": "text/javascript"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {"content-security-policy": _POLICY, "cache-control": "no-cache", "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer"}  # fmt: skip


def _text(name: str) -> str:
    return files("sim.emulator").joinpath("static", name).read_text("utf-8")


async def page(request: Request) -> Response:
    """The page itself; it holds no data."""
    return Response(_text("dashboard.html"), media_type="text/html", headers=_HEADERS)


async def asset(request: Request) -> Response:
    """``dashboard.css`` with the palette that the server was given, or ``dashboard.js``."""
    kind = request.path_params["kind"]
    if kind not in _TYPES:
        raise HTTPException(404)
    text = _text(f"dashboard.{kind}")
    if kind == "css":
        text = getattr(request.app.state, "palette", "") + text
    return Response(text, media_type=_TYPES[kind], headers=_HEADERS)
