"""Requests as bytes over a socket, for what a client library would not send or would hide."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from tests.emulator.server import Served, anthropic_headers, message


def connected(served: Served, seconds: float = 20) -> socket.socket:
    """A connection to the server."""
    parts = urlsplit(served.url)
    return socket.create_connection((parts.hostname, parts.port), seconds)


def request(
    served: Served, said: Any = None, *, path: str = "/v1/messages", version: str = "1.1", project: str = "data",
    headers: Mapping[str, str] | None = None,
) -> bytes:  # fmt: skip
    """A POST with a body."""
    body = json.dumps(message() if said is None else said).encode()
    lines = [f"POST {path} HTTP/{version}", "host: 127.0.0.1", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in {**anthropic_headers(served, project), **(headers or {})}.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def read_all(one: socket.socket) -> bytes:
    """Everything until the server closes. Raises ConnectionResetError when it resets."""
    found = b""
    while part := one.recv(65536):
        found += part
    return found


def read_answer(one: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """One answer with a content-length: status, headers, body."""
    found = b""
    while b"\r\n\r\n" not in found:
        part = one.recv(65536)
        assert part, found
        found += part
    head, _, body = found.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += one.recv(65536)
    return int(first.split()[1]), headers, body
