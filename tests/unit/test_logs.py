"""What a process that logs writes to standard error: JSON lines, or text for people."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

PROGRAM = """
import logging, sys
import structlog
from intentlive.logs import configure_logging

configure_logging(sys.argv[1])
log = structlog.get_logger("intentlive.test")
library = logging.getLogger("some.library")

def fail(token):
    raise LookupError("what went wrong")

log.debug("too detailed")
log.info("request", status=200, ms=1.5, bot_id="b\\n\\u2615", none=None, kind=object)
log.warning("late source", source="urn:x", numbers={1}, raw=b"\\xff", huge=2**70)
try:
    fail("a-token-that-must-not-be-seen")
except LookupError:
    log.exception("fault", request_id="r-1")
library.info("too detailed, too")
library.warning("disk %s%% full", 99)
try:
    fail("a-token-that-must-not-be-seen")
except LookupError:
    library.exception("a library failed")
print("nothing but this on standard output")
"""


def written(log_format):
    """The lines of a process that logs; its standard error is not a terminal."""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, log_format],
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    assert run.stdout == "nothing but this on standard output\n"
    return run.stderr


@pytest.fixture(scope="module")
def lines():
    return [json.loads(line) for line in written("json").splitlines()]


@pytest.fixture(scope="module")
def console():
    return written("console")


def test_every_line_is_a_json_object_with_event_level_and_time(lines):
    assert [(line["level"], line["event"]) for line in lines] == [
        ("info", "request"),
        ("warning", "late source"),
        ("error", "fault"),
        ("warning", "disk 99% full"),
        ("error", "a library failed"),
    ]
    for line in lines:
        written_at = datetime.fromisoformat(line["timestamp"])
        assert written_at.utcoffset() == timedelta()
        age = datetime.now(UTC) - written_at
        assert 0 <= age.total_seconds() < 3600


def test_values_keep_their_type_where_json_has_it(lines):
    named = {"status": 200, "ms": 1.5, "bot_id": "b\n\u2615", "none": None}
    assert named.items() <= lines[0].items()
    assert lines[0]["kind"] == "<class 'object'>"
    assert (lines[1]["numbers"], lines[1]["huge"]) == ([1], 2**70)


@pytest.mark.parametrize("number", [2, 4])
def test_an_exception_is_part_of_its_line(lines, number):
    assert lines[number]["exception"].startswith("Traceback (most recent call last):")
    assert lines[number]["exception"].endswith("LookupError: what went wrong")
    assert "exc_info" not in lines[number]


def test_lines_of_libraries_name_them(lines):
    assert [line.get("logger") for line in lines[2:]] == [None, *["some.library"] * 2]
    assert lines[2]["request_id"] == "r-1"


def test_without_a_terminal_auto_means_json(lines):
    automatic = [json.loads(line) for line in written("auto").splitlines()]
    assert [line["event"] for line in automatic] == [line["event"] for line in lines]


def test_the_console_is_for_people(console):
    first, *_ = console.splitlines()
    assert "[info     ] request" in first
    assert "status=200" in first
    assert "\x1b[" not in console  # colours are for terminals
    assert "LookupError: what went wrong" in console
    assert "disk 99% full" in console
    assert "too detailed" not in console


def test_no_traceback_in_json_shows_the_values_of_variables(lines):
    assert "a-token-that-must-not-be-seen'" not in json.dumps(lines)
    assert all("locals" not in line.get("exception", "") for line in lines)


def test_no_traceback_for_people_shows_the_values_of_variables(console):
    assert "LookupError: what went wrong" in console
    assert "token = " not in console


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_lines_of_a_running_server_are_all_written_and_in_order(log_format):
    program = """
import asyncio, logging, sys
import structlog
from intentlive.logs import configure_logging

configure_logging(sys.argv[1])
log = structlog.get_logger("intentlive.test")

async def serve():
    for number in range(3):
        log.info(f"line {number}")
    await asyncio.to_thread(log.info, "line 3")
    log.info("line 4")

log.info("before")
asyncio.run(serve())
log.info("between")
asyncio.run(serve())
"""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, log_format],
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    served = [f"line {number}" for number in range(5)]
    expected = ["before", *served, "between", *served]
    lines = run.stderr.splitlines()
    assert len(lines) == len(expected)
    assert all(event in line for event, line in zip(expected, lines, strict=True))


def test_lines_are_written_though_the_loop_that_they_waited_for_is_gone():
    program = """
import asyncio, structlog
from intentlive.logs import configure_logging

configure_logging("json")
log = structlog.get_logger("x")

async def stop():
    loop.stop()
    log.info("waiting")

loop = asyncio.new_event_loop()
loop.create_task(stop())
loop.run_forever()
loop.close()
log.info("later")
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, check=True
    )
    lines = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    assert lines == ["waiting", "later"]


def test_a_line_that_cannot_be_written_fails_nobody():
    program = """
import logging, structlog
from intentlive.logs import configure_logging

configure_logging("json")
logging.getLogger("library").log(35, "of a level of its own")
structlog.get_logger("x").info("odd", path="\\udcff")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    levels = [json.loads(line)["level"] for line in done.stderr.splitlines()]
    assert levels == ["warning", "info"]


def test_lines_of_a_worker_say_which_it_is():
    program = """
import sys, structlog
from intentlive.logs import configure_logging

configure_logging(sys.argv[1], worker=2)
structlog.get_logger("x").info("request", status=200)
"""
    run = [sys.executable, "-c", program]
    in_json = subprocess.run([*run, "json"], capture_output=True, check=True).stderr
    assert json.loads(in_json).items() >= {"event": "request", "status": 200, "worker": 2}.items()
    for_people = subprocess.run([*run, "console"], capture_output=True, check=True).stderr
    assert b"worker=2" in for_people


REPEATING = """
import asyncio, sys
import structlog
from intentlive.logs import RepeatedLine, configure_logging

configure_logging(sys.argv[1], *map(int, sys.argv[2:]))
log = structlog.get_logger("x")
noted = {"bot_id": 'b"\\n\u2615', "none": None, "status": 200}
line = RepeatedLine("request", **noted)
ids = iter("abcdefgh")

async def serve():
    for _ in range(2):
        log.info("request", **noted, request_id=next(ids), ms=0.25)
        line.write(next(ids), 1.256)
        log.warning("between", path="\\udcff" if sys.argv[1] == "json" else "/")
        await asyncio.sleep(0)

line.write("first", 10)
asyncio.run(serve())
line.write("last", 0)
"""


def repeated(*arguments):
    run = [sys.executable, "-W", "error", "-c", REPEATING, *arguments]
    done = subprocess.run(run, capture_output=True, check=True, encoding="utf-8")
    return done.stderr.splitlines()


@pytest.mark.parametrize("worker", [[], ["3"]], ids=["alone", "a worker"])
def test_a_repeated_line_is_as_the_others_and_in_its_place_among_them(worker):
    lines = [json.loads(line) for line in repeated("json", *worker)]
    told = [line.get("request_id", line["event"]) for line in lines]
    assert told == ["first", "a", "b", "between", "c", "d", "between", "last"]
    usual, again = lines[1:3]
    assert again.keys() == usual.keys()
    for line in (lines[0], again, lines[-1]):
        new = {name: line[name] for name in ("timestamp", "request_id", "ms")}
        assert line == usual | new
        written_at = datetime.fromisoformat(line["timestamp"])
        assert abs(datetime.now(UTC) - written_at) < timedelta(hours=1)
    assert [line["ms"] for line in (lines[0], again, lines[-1])] == [10, 1.26, 0]
    assert {line.get("worker") for line in lines} == ({3} if worker else {None})


def test_a_repeated_line_is_for_people_where_they_read():
    lines = repeated("console", "2")
    assert len(lines) == 8
    usual, again = lines[1:3]
    assert "[info     ] request" in again
    assert ("request_id=b" in again, "ms=1.26" in again, "worker=2" in again) == (True,) * 3
    after_time = slice(len("2022-01-06T12:00:00.000000Z"), None)
    same = again.replace("request_id=b", "request_id=a").replace("ms=1.26", "ms=0.25")
    assert sorted(same[after_time].split()) == sorted(usual[after_time].split())


def test_lines_of_workers_on_one_pipe_stay_whole_though_it_is_full():
    program = """
import asyncio, sys, structlog
from intentlive.logs import RepeatedLine, configure_logging

number = int(sys.argv[1])
configure_logging("json", worker=number)
log = structlog.get_logger("x")

async def serve():
    for turn in range(10):
        for line in range(100):
            if line % 3:
                log.info("line", turn=turn, line=line, padding=str(number) * 50 * (line % 5))
            else:
                RepeatedLine("line", turn=turn, line=line).write("an-id", 1)
        await asyncio.sleep(0)

asyncio.run(serve())
"""
    reading, writing = os.pipe()
    workers = [
        subprocess.Popen([sys.executable, "-c", program, str(number)], stderr=writing)
        for number in (1, 2, 3)
    ]
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        text = told.read()
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    lines = [json.loads(line) for line in text.splitlines()]
    for number in (1, 2, 3):
        mine = [(line["turn"], line["line"]) for line in lines if line["worker"] == number]
        assert mine == [(turn, line) for turn in range(10) for line in range(100)]


def test_a_line_may_be_longer_than_what_a_pipe_keeps_together():
    program = """
import asyncio, structlog
from intentlive.logs import configure_logging

configure_logging("json")

async def work():
    for size in (10, 3 * 4096, 10, 4096, 4095, 10, 5 * 4096):
        structlog.get_logger("x").info("line", text="x" * size)

asyncio.run(work())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    sizes = [len(line["text"]) for line in lines]
    assert sizes == [10, 3 * 4096, 10, 4096, 4095, 10, 5 * 4096]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is a device of Linux")
def test_a_log_that_cannot_be_written_stops_nobody():
    program = """
import asyncio, structlog
from intentlive.logs import configure_logging

configure_logging("json")

async def work():
    for number in range(3):
        structlog.get_logger("x").info("lost", number=number)
        await asyncio.sleep(0)
    print("done")

asyncio.run(work())
"""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=full, check=False
        )
    assert done.stdout == b"done\n"
