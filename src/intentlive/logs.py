"""Logging: structlog, one line an event, JSON or console, on standard error."""

import asyncio
import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from select import PIPE_BUF
from typing import Any, BinaryIO, TypeAlias

import msgspec
import structlog

from intentlive.core.times import format_instant

Line: TypeAlias = dict[str, object]

_encoder = msgspec.json.Encoder(enc_hook=repr)


def configure_logging(log_format: str, worker: int | None = None) -> None:
    """Set up logging for this process; `log_format` is `json`, `console` or `auto`.

    Where there are several workers, lines carry the number of this one.
    """
    if log_format == "auto":
        log_format = "console" if sys.stderr.isatty() else "json"
    processors: list[structlog.typing.Processor]
    if log_format == "json":
        processors = [_Stamp()]
        lines = _Lines(sys.stderr.buffer)
        factory: Any = lambda *_names: lines  # noqa: E731 - a factory is a callable
    else:
        processors = [
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _console_renderer(),
        ]
        factory = structlog.PrintLoggerFactory(sys.stderr)
    if worker is not None:
        processors.insert(0, partial(_note_worker, worker))
    structlog.configure(
        processors=processors,
        logger_factory=factory,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_ToStructlog()], level=logging.WARNING, force=True)
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)  # its failures are told by the store


def _note_worker(
    number: int, _logger: object, _level: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    event["worker"] = number
    return event


class _ToStructlog(logging.Handler):
    """Lines of libraries that use the standard library's logging."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            level = min(record.levelno // 10 * 10, logging.CRITICAL)
            log = structlog.get_logger(record.name)
            log.log(level, record.getMessage(), logger=record.name, exc_info=record.exc_info)
        except Exception:  # noqa: BLE001 - a line that fails must not fail who wrote it
            self.handleError(record)


def _console_renderer() -> structlog.dev.ConsoleRenderer:
    # Without local variables, which hold tokens and callers' numbers.
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )


class _Stamp:
    """Gives an event its time and level; a class for the time that it prints once a millisecond."""

    def __init__(self) -> None:
        self._ms = -1
        self._timestamp = ""

    def __call__(
        self, logger: object, level: str, event: structlog.typing.EventDict
    ) -> tuple[tuple[Line], dict[str, object]]:
        ms = time.time_ns() // 1_000_000
        if ms != self._ms:
            self._ms, self._timestamp = ms, format_instant(ms)
        if "exc_info" in event:
            event = structlog.processors.format_exc_info(logger, level, event)
        level = "error" if level == "exception" else level
        line = {"timestamp": self._timestamp, "level": level, "event": event.pop("event"), **event}
        return (line,), {}


class _Lines:
    """Renders and writes the lines of one turn of the event loop at once, as JSON."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._waiting: list[Line] = []
        self._scheduled_on: asyncio.AbstractEventLoop | None = None

    def msg(self, line: Line) -> None:
        """Take a line."""
        self._waiting.append(line)
        if self._scheduled_on is None or self._scheduled_on.is_closed():
            self._schedule()

    debug = info = warning = error = critical = exception = msg

    def _schedule(self) -> None:
        try:
            self._scheduled_on = asyncio.get_running_loop()
        except RuntimeError:  # nobody would write later
            self._write()
        else:
            self._scheduled_on.call_soon(self._write)

    def _write(self) -> None:
        self._scheduled_on = None
        lines, self._waiting = self._waiting, []
        # A full disk or a closed pipe must not stop what the lines tell of.
        with suppress(OSError, ValueError):
            for piece in _pieces(_render(lines)):
                self._file.write(piece)
                self._file.flush()


def _pieces(text: bytes) -> Iterator[bytes]:
    """Whole lines, at once no more than a pipe keeps apart from what other workers write to it."""
    while len(text) > PIPE_BUF:
        end = text.rfind(b"\n", 0, PIPE_BUF) + 1 or text.find(b"\n") + 1
        yield text[:end]
        text = text[end:]
    if text:
        yield text


def _render(lines: list[Line]) -> bytes:
    try:
        return _encoder.encode_lines(lines)
    except UnicodeEncodeError:  # a path that is not UTF-8, say
        return "".join(json.dumps(line, default=repr) + "\n" for line in lines).encode()
