"""The limit for reading: bytes that never change, from a plain ASGI callable in the same server."""

import argparse
from pathlib import Path

import uvicorn
import uvloop

from intentlive.cli.listening import listen
from intentlive.cli.serving import server_config


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("body", type=Path)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    body = options.body.read_bytes()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    start = {"type": "http.response.start", "status": 200, "headers": headers}
    rest = {"type": "http.response.body", "body": body}

    async def application(_scope, _receive, send):
        await send(start)
        await send(rest)

    sockets = [listen("127.0.0.1", options.port)]
    uvloop.run(uvicorn.Server(server_config(application)).serve(sockets))


if __name__ == "__main__":
    main()
