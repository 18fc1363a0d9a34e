"""Asks once for each path of a file, over 32 connections; prints how long all of it took (s).

`asker.py ADDRESS FILE HEADERS`, the last in JSON. Each answer must hold 25 sessions.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

_CONNECTIONS = 32


async def ask(address: str, paths: list[str], headers: dict[str, str]) -> float:
    """Each connection asks for the next path that nobody has asked for."""
    to = urlsplit(address)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    ending = f" HTTP/1.1\r\nHost: {to.netloc}\r\n{lines}\r\n"
    opened = [await asyncio.open_connection(to.hostname, to.port) for _ in range(_CONNECTIONS)]
    requests = (f"GET {path}{ending}".encode() for path in paths)
    began = time.perf_counter()
    await asyncio.gather(*(_ask_in_turn(*streams, requests) for streams in opened))
    return time.perf_counter() - began


async def _ask_in_turn(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, requests: Iterator[bytes]
) -> None:
    for request in requests:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r")[0])
        body = await reader.readexactly(length)
        is_whole = b"content-encoding:" in head or body.count(b'"sessionId"') == 25
        if not (head.startswith(b"http/1.1 200 ") and is_whole):
            raise SystemExit(f"not the latest 25: {head.decode()}")
    writer.close()


def main(address: str, file: str, headers: str) -> None:
    paths = Path(file).read_text().splitlines()
    print(uvloop.run(ask(address, paths, json.loads(headers))))


if __name__ == "__main__":
    main(*sys.argv[1:])
