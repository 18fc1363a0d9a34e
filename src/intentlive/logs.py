"""Logging: structlog, one line an event, JSON or console, on standard error."""

import asyncio
import logging
import sys
import time
from typing import Any, BinaryIO

import msgspec
import structlog

from intentlive.core.times import format_instant


def configure_logging(log_format: str) -> None:
    """Set up logging for this process; `log_format` is `json`, `console` or `auto`."""
    if log_format == "auto":
        log_format = "console" if sys.stderr.isatty() else "json"
    processors: list[structlog.typing.Processor]
    if log_format == "json":
        processors = [structlog.processors.format_exc_info, _JsonLine()]
        factory: Any = _lines_to_stderr
    else:
        processors = [
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _console_renderer(),
        ]
        factory = structlog.PrintLoggerFactory(sys.stderr)
    structlog.configure(
        processors=processors,
        logger_factory=factory,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_ToStructlog()], level=logging.WARNING, force=True)


class _ToStructlog(logging.Handler):
    """Lines of libraries that use the standard library's logging."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger(record.name).log(
            record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info
        )


def _console_renderer() -> structlog.dev.ConsoleRenderer:
    # Without local variables, which hold tokens and callers' numbers.
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )


class _JsonLine:
    """Renders an event; a class of its own for the timestamp that it prints once a millisecond."""

    def __init__(self) -> None:
        self._ms = -1
        self._timestamp = ""

    def __call__(self, _logger: object, level: str, event: structlog.typing.EventDict) -> bytes:
        ms = time.time_ns() // 1_000_000
        if ms != self._ms:
            self._ms, self._timestamp = ms, format_instant(ms)
        level = "error" if level == "exception" else level
        line = {"timestamp": self._timestamp, "level": level, "event": event.pop("event"), **event}
        return msgspec.json.encode(line, enc_hook=repr)


class _Lines:
    """Writes the lines of one turn of the event loop at once."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._waiting: list[bytes] = []

    def msg(self, line: bytes) -> None:
        """Take a line."""
        self._waiting.append(line)
        if len(self._waiting) == 1:
            try:
                asyncio.get_running_loop().call_soon(self._write)
            except RuntimeError:  # no loop runs: nobody would write later
                self._write()

    debug = info = warning = error = critical = exception = msg

    def _write(self) -> None:
        lines = b"\n".join(self._waiting) + b"\n"
        self._waiting.clear()
        self._file.write(lines)
        self._file.flush()


def _lines_to_stderr(*_names: object) -> _Lines:
    return _LINES


_LINES = _Lines(sys.stderr.buffer)
