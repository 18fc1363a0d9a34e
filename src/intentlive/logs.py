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
from msgspec import Raw

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
        processors = [_stamp]
        lines = _Lines(sys.stderr.buffer, {} if worker is None else {"worker": worker})
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


class _Clock:
    """The time as lines have it, printed once a millisecond."""

    def __init__(self) -> None:
        self._ms = -1
        self._printed = ""

    def __call__(self) -> str:
        ms = time.time_ns() // 1_000_000
        if ms != self._ms:
            self._ms, self._printed = ms, format_instant(ms)
        return self._printed


_timestamp = _Clock()


def _stamp(
    logger: object, level: str, event: structlog.typing.EventDict
) -> tuple[tuple[Line], dict[str, object]]:
    """Give an event its time and level."""
    if "exc_info" in event:
        event = structlog.processors.format_exc_info(logger, level, event)
    level = "error" if level == "exception" else level
    line = {"timestamp": _timestamp(), "level": level, "event": event.pop("event"), **event}
    return (line,), {}


class RepeatedLine:
    """A line of which only the time, `request_id` and `ms` are new each time it is written.

    As JSON, all else of it is put together once: that saves most of what a line costs.
    """

    def __init__(self, event: str, **fixed: object) -> None:
        self._event = event
        sink = structlog.get_config()["logger_factory"]()
        self._lines = sink if isinstance(sink, _Lines) else None
        if self._lines is None:
            self._log = structlog.get_logger().bind(**fixed)
        else:
            all_fixed = {"level": "info", "event": event, **self._lines.noted, **fixed}
            self._fixed = _encoder.encode(all_fixed)[1:-1]

    def write(self, request_id: str, ms: float) -> None:
        """Write it once more."""
        if self._lines is None:
            self._log.info(self._event, request_id=request_id, ms=round(ms, 2))
        else:
            new = _timestamp().encode(), self._fixed, request_id.encode(), ms
            self._lines.msg(Raw(b'{"timestamp":"%b",%b,"request_id":"%b","ms":%.2f}' % new))


class _Lines:
    """Renders and writes the lines of one turn of the event loop at once, as JSON."""

    def __init__(self, file: BinaryIO, noted: Line) -> None:
        self.noted = noted  # what every line carries, where there are several workers
        self._file = file
        self._waiting: list[Line | Raw] = []
        self._scheduled_on: asyncio.AbstractEventLoop | None = None

    def msg(self, line: Line | Raw) -> None:
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
            text = _render(lines)
            for piece in _pieces(text) if self.noted else (text,):
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


def _render(lines: list[Line | Raw]) -> bytes:
    try:
        return _encoder.encode_lines(lines)
    except UnicodeEncodeError:  # a path that is not UTF-8, say
        return b"".join(_rendered(line) + b"\n" for line in lines)


def _rendered(line: Line | Raw) -> bytes:
    return bytes(line) if isinstance(line, Raw) else json.dumps(line, default=repr).encode()
