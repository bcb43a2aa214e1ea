"""The least that uvicorn can serve: reads the body, answers with a constant. Run as a process by the benchmark."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import uvicorn

BODY = json.dumps({"text": "x" * 400}).encode()
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]


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
