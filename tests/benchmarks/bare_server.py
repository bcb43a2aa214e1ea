"""The least that uvicorn can serve: reads the body, answers with a constant that has the emulator's headers and size.

Run as a process by the benchmark.
"""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import uvicorn

BODY = json.dumps({"text": "x" * 400}).encode()
LIMIT = b"anthropic-ratelimit-requests-"
HEADERS = [
    (b"content-type", b"application/json"),
    (b"request-id", b"req_0123456789abcdef012345"),
    (LIMIT + b"limit", b"10000000"),
    (LIMIT + b"remaining", b"9999999"),
    (LIMIT + b"reset", b"2026-11-25T16:00:00Z"),
    (b"content-length", b"%d" % len(BODY)),
]


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """Answer anything."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


def main() -> None:
    """Serve on a free port and say which."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listening:
        config = uvicorn.Config(bare, loop="uvloop", http="httptools", lifespan="off", log_level="error",
                                access_log=False, server_header=False, proxy_headers=False)  # fmt: skip
        print(json.dumps({"port": listening.getsockname()[1]}), flush=True)
        asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))


if __name__ == "__main__":
    main()
