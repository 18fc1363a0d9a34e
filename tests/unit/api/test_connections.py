"""What a connection may cost, on a transport and in seconds that the test moves by hand."""

import gc
import json
import weakref

import pytest
import structlog

from intentlive.api import connections
from intentlive.api.door import (
    ANSWER_SECONDS,
    BODY_SECONDS,
    HEADER_SECONDS,
    MAX_HEADER,
    place_of,
)

from .house import CHUNKED, GET, KEEP_ALIVE, POST, House, feed, is_open, statuses, turn


@pytest.fixture
async def house():
    return House()


@pytest.fixture
def log():
    with structlog.testing.capture_logs() as lines:
        yield lines


def header_of(size, path=b"/one"):
    """A request without a body that has so many bytes."""
    before, after = b"GET " + path + b" HTTP/1.1\r\nx-long: ", b"\r\n\r\n"
    return before + b"x" * (size - len(before) - len(after)) + after


def check_refused(house, connection, status, check, log):
    """One answer in the one shape, counted and logged once, and the connection is closed."""
    assert statuses(connection)[-1] == status
    assert not is_open(connection)
    answer = connection.transport.written.rpartition(b"HTTP/1.1 ")[2]
    head, _, body = answer.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    (error,) = json.loads(body)["errors"]
    assert set(error) == {"msg", "code"}
    assert error["code"] == status
    assert headers["content-type"] == "application/json"
    assert headers["content-length"] == str(len(body))
    assert headers["connection"] == "close"
    assert house.count("requests", route="(connection)", status=str(status)) == 1
    assert house.count("refusals", check=check) == 1
    (line,) = log
    assert (line["event"], line["log_level"]) == ("request", "warning")
    assert line["request_id"] == headers["x-request-id"]
    assert (line["status"], line["check"]) == (status, check)
    assert line["mend"]
    return headers


# The size of a header


@pytest.mark.parametrize("packet", [1, 7, 1000, MAX_HEADER, 10 * MAX_HEADER])
async def test_a_header_may_be_so_large(house, packet):
    connection = house.open()
    for _ in range(2):
        feed(connection, header_of(MAX_HEADER), packet)
        await turn()
    assert statuses(connection) == [200, 200]
    assert is_open(connection)


@pytest.mark.parametrize("packet", [1, 7, 1000, MAX_HEADER, 10 * MAX_HEADER])
@pytest.mark.parametrize("size", [MAX_HEADER + 1, 8 * MAX_HEADER])
async def test_a_larger_header_is_refused(house, log, packet, size):
    connection = house.open()
    feed(connection, header_of(size), packet)
    await turn()
    check_refused(house, connection, 431, "header size", log)
    assert house.application.scopes == []


@pytest.mark.parametrize(
    "endless",
    [
        b"GET /" + b"x" * 2 * MAX_HEADER,
        b"GET / HTTP/1.1\r\n" + b"x" * 2 * MAX_HEADER,
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * MAX_HEADER,
        b"GET / HTTP/1.1\r\na:" + b" " * 2 * MAX_HEADER,
        b"\r\n" * MAX_HEADER,
    ],
    ids=["a path", "a name", "many headers", "padding", "empty lines"],
)
async def test_what_never_ends_is_refused(house, log, endless):
    connection = house.open()
    feed(connection, endless, 1000)
    check_refused(house, connection, 431, "header size", log)


async def test_what_comes_after_a_refusal_is_not_looked_at(house):
    connection = house.open()
    feed(connection, header_of(MAX_HEADER + 1))
    for _ in range(10):
        connection.data_received(GET)
    await turn()
    assert statuses(connection) == [431]


async def test_every_request_of_a_connection_is_measured(house, log):
    connection = house.open()
    for _ in range(3):
        feed(connection, GET)
        await turn()
    feed(connection, header_of(MAX_HEADER + 1), 1000)
    await turn()
    assert statuses(connection) == [200, 200, 200, 431]
    check_refused(house, connection, 431, "header size", log)


async def test_requests_in_one_packet_are_measured(house, log):
    connection = house.open()
    feed(connection, GET + header_of(MAX_HEADER) + header_of(MAX_HEADER + 1))
    await turn()
    assert statuses(connection) == [200, 200, 431]
    check_refused(house, connection, 431, "header size", log)
    assert len(house.application.scopes) == 2


@pytest.mark.parametrize("packet", [1000, MAX_HEADER - 1, 10 * MAX_HEADER])
async def test_a_body_is_not_counted(house, packet):
    body = b"x" * (10 * MAX_HEADER)
    in_chunks = b"".join(b"3e8\r\n" + b"x" * 1000 + b"\r\n" for _ in range(300)) + b"0\r\n\r\n"
    connection = house.open()
    for request in (POST % len(body) + body, CHUNKED + in_chunks):
        feed(connection, request, packet)
        await turn()
    assert statuses(connection) == [200, 200]
    assert [len(each) for each in house.application.bodies] == [len(body), 300_000]


async def test_a_request_right_behind_a_body_has_all_its_room(house):
    body = b"x" * (MAX_HEADER - 100)
    both = POST % len(body) + body + header_of(MAX_HEADER)
    connection = house.open()
    feed(connection, both, MAX_HEADER)
    await turn()
    feed(connection, GET)
    await turn()
    assert statuses(connection) == [200, 200, 200]


# Trailers


async def test_trailers_do_not_reach_the_application(house):
    connection = house.open()
    house.application.reads = False
    feed(connection, CHUNKED)
    await turn()
    feed(connection, b"1\r\nx\r\n0\r\nauth: other\r\nhost: there\r\n\r\n")
    feed(connection, GET)
    await turn()
    first, second = house.application.scopes
    assert first["headers"] == [(b"host", b"here"), (b"transfer-encoding", b"chunked")]
    assert second["headers"] == [(b"host", b"here")]


@pytest.mark.parametrize(
    "endless",
    [
        b"0\r\n" + b"a: b\r\n" * MAX_HEADER,
        b"0\r\na: " + b"x" * 2 * MAX_HEADER,
        b"1;" + b"x" * 2 * MAX_HEADER,
        b"0" * 2 * MAX_HEADER,
    ],
    ids=["many", "a long one", "an extension", "digits"],
)
async def test_what_stands_between_chunks_is_bounded(house, log, endless):
    connection = house.open()
    feed(connection, CHUNKED + b"1\r\nx\r\n" + endless, 1000)
    await turn()
    check_refused(house, connection, 431, "header size", log)
    assert house.application.gone == 1


# What is no request


@pytest.mark.parametrize(
    "garbage",
    [
        b"BREW /coffee HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\nhost: here\n\n",
        b"GET http:// HTTP/1.1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        pytest.param(b"x" * MAX_HEADER, id="all the room"),
    ],
)
async def test_garbage_is_refused(house, log, garbage):
    connection = house.open()
    feed(connection, garbage)
    await turn()
    check_refused(house, connection, 400, "not http", log)


async def test_garbage_in_a_body_lets_the_application_go(house, log):
    connection = house.open()
    feed(connection, CHUNKED + b"no number\r\n")
    await turn()
    check_refused(house, connection, 400, "not http", log)
    assert house.application.gone == 1


async def test_garbage_behind_a_request_does_not_cost_its_answer(house, log):
    connection = house.open()
    house.application.may_answer.clear()
    feed(connection, GET)
    await turn()
    feed(connection, b"garbage\r\n\r\n")
    feed(connection, GET)
    house.wait(1000)
    assert connection.transport.written == b""
    house.application.may_answer.set()
    await turn()
    assert statuses(connection) == [200, 400]
    check_refused(house, connection, 400, "not http", log)


@pytest.mark.parametrize(
    "garbage",
    [b"garbage\r\n\r\n", b"POST / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n", GET + b"garbage"],
    ids=["text", "a request to its end", "a request before"],
)
async def test_garbage_right_behind_a_body_does_not_cost_its_answer(house, log, garbage):
    connection = house.open()
    house.application.may_answer.clear()
    feed(connection, POST % 1)
    feed(connection, b"x" + garbage)
    await turn()
    house.wait(1000)
    assert is_open(connection)
    house.application.may_answer.set()
    await turn()
    assert statuses(connection) == [200]
    assert b"connection: close" in connection.transport.written
    assert not is_open(connection)
    assert log == []


async def test_no_answer_overtakes_another(house, log):
    house.application.may_answer.clear()
    connection = house.open()
    feed(connection, GET + CHUNKED + b"no number\r\n")
    await turn()
    assert connection.transport.written == b""
    house.application.may_answer.set()
    await turn()
    assert statuses(connection) == [200, 400]
    check_refused(house, connection, 400, "not http", log)


async def test_no_answer_stands_inside_another(house, log):
    house.application.reads = False
    house.application.may_end.clear()
    connection = house.open()
    feed(connection, CHUNKED)
    await turn()
    house.wait(1000)
    assert is_open(connection)
    feed(connection, b"no number\r\n")
    assert not is_open(connection)
    assert statuses(connection) == [200]
    assert log == []


async def test_the_body_of_an_upgrade_never_becomes_a_request(house):
    connection = house.open()
    upgrade = b"connection: upgrade\r\nupgrade: other\r\nhost: here\r\n"
    feed(connection, GET.replace(b"host: here\r\n", upgrade))
    await turn()
    assert is_open(connection)
    feed(connection, (POST % len(GET)).replace(b"host: here\r\n", upgrade))
    feed(connection, GET)
    await turn()
    assert statuses(connection) == [200, 200]
    assert not is_open(connection)


# Time


async def test_who_never_speaks_is_shown_out(house, log):
    connection = house.open()
    house.wait(HEADER_SECONDS)
    assert is_open(connection)
    house.wait(1)
    assert not is_open(connection)
    assert connection.transport.written == b""
    assert log == []


async def test_a_slow_header_is_refused(house, log):
    connection = house.open()
    for byte in GET[:HEADER_SECONDS]:
        connection.data_received(bytes([byte]))
        house.wait(1)
    assert is_open(connection)
    house.wait(1)
    check_refused(house, connection, 408, "slow", log)


async def test_the_time_of_a_header_begins_with_its_first_byte(house, log):
    connection = house.open()
    feed(connection, GET)
    await turn()
    house.wait(KEEP_ALIVE - 1)
    feed(connection, GET[:5])
    house.wait(HEADER_SECONDS)
    assert is_open(connection)
    house.wait(1)
    check_refused(house, connection, 408, "slow", log)


@pytest.mark.parametrize("padding", [b"", b"\r\n"])
async def test_an_idle_connection_is_kept_for_a_while(house, log, padding):
    connection = house.open()
    feed(connection, GET)
    await turn()
    for _ in range(KEEP_ALIVE):
        connection.data_received(padding)
        house.wait(1)
    assert is_open(connection)
    house.wait(1)
    assert not is_open(connection)
    assert statuses(connection) == [200]
    assert log == []


async def test_a_slow_body_is_refused_and_its_memory_given_back(house, log):
    connection = house.open()
    feed(connection, POST % 1_000_000)
    for _ in range(BODY_SECONDS):
        feed(connection, b"x" * 1000)
        await turn()
        house.wait(1)
    assert is_open(connection)
    assert house.application.held == BODY_SECONDS * 1000
    house.wait(1)
    await turn()
    check_refused(house, connection, 408, "slow", log)
    assert house.application.gone == 1
    assert house.application.held == 0
    assert not house.state.tasks


@pytest.mark.parametrize("body", [b"", b"x" * 1000])
async def test_an_application_has_all_the_time_it_needs(house, body):
    house.application.may_answer.clear()
    connection = house.open()
    feed(connection, POST % len(body) + body)
    await turn()
    house.wait(1000)
    house.application.may_answer.set()
    await turn()
    assert statuses(connection) == [200]
    house.wait(KEEP_ALIVE)
    assert is_open(connection)


async def test_a_slow_request_behind_another_waits_for_its_answer(house, log):
    house.application.may_answer.clear()
    connection = house.open()
    feed(connection, GET + GET[:5])
    await turn()
    house.wait(1000)
    assert is_open(connection)
    house.application.may_answer.set()
    await turn()
    house.wait(2 * HEADER_SECONDS)
    assert statuses(connection) == [200, 408]
    check_refused(house, connection, 408, "slow", log)


async def test_a_body_that_the_server_does_not_read_is_not_slow(house):
    house.application.may_answer.clear()
    connection = house.open()
    feed(connection, GET + POST % 5 + b"12")
    await turn()
    assert connection.transport.is_paused
    house.wait(1000)
    house.application.may_answer.set()
    await turn()
    house.wait(5)
    feed(connection, b"345")
    await turn()
    assert statuses(connection) == [200, 200]
    assert house.application.bodies == [b"", b"12345"]


async def test_a_body_that_nobody_waits_for_is_not_taken_for_ever(house, log):
    house.application.reads = False
    connection = house.open()
    feed(connection, POST % 1_000_000)
    await turn()
    for _ in range(BODY_SECONDS):
        feed(connection, b"x")
        house.wait(1)
    assert is_open(connection)
    house.wait(1)
    assert not is_open(connection)
    assert statuses(connection) == [200]
    assert log == []


async def test_a_connection_is_idle_after_a_body_that_nobody_waited_for(house):
    house.application.reads = False
    connection = house.open()
    feed(connection, POST % 1)
    await turn()
    house.wait(BODY_SECONDS)
    feed(connection, b"x")
    house.wait(KEEP_ALIVE)
    assert is_open(connection)
    feed(connection, GET)
    await turn()
    assert statuses(connection) == [200, 200]
    house.wait(KEEP_ALIVE + 1)
    assert not is_open(connection)


async def test_who_does_not_take_the_last_words_is_cut_off(house):
    connection = house.open()
    house.wait(HEADER_SECONDS + 1)
    assert not connection.transport.is_aborted
    house.wait(HEADER_SECONDS + 1)
    assert connection.transport.is_aborted


# Requests behind one that is not answered

SHORTEST = b"GET / HTTP/1.1\r\n\r\n"


@pytest.mark.parametrize("packet", [7, 1000, 256_000])
@pytest.mark.parametrize("each", [GET, SHORTEST, POST % 2 + b"ab"], ids=["GET", "short", "POST"])
async def test_what_comes_behind_a_request_waits_unparsed(house, each, packet):
    house.application.may_answer.clear()
    connection = house.open()
    feed(connection, each * 500, packet)
    await turn()
    house.wait(1000)
    assert connection.transport.is_paused
    assert len(house.application.scopes) == 1
    assert len(connection.pipeline) <= 16
    house.application.may_answer.set()
    for _ in range(500):
        await turn()
        assert len(house.state.tasks) <= 2  # one of them may just have ended
        assert len(connection.pipeline) <= 16
    assert statuses(connection) == [200] * 500
    assert len(house.application.scopes) == 500
    assert not connection.transport.is_paused
    house.wait(KEEP_ALIVE)
    assert is_open(connection)
    house.wait(1)
    assert not is_open(connection)


@pytest.mark.parametrize(
    ("begin", "end"),
    [(POST % 1, b"x"), (CHUNKED, b"0\r\n\r\n"), (CHUNKED, b"1\r\nx\r\n0\r\na: b\r\n\r\n")],
    ids=["length", "chunks", "trailers"],
)
async def test_behind_a_body_a_few_may_be_parsed(house, begin, end):
    house.application.may_answer.clear()
    connection = house.open()
    feed(connection, begin)
    feed(connection, end + SHORTEST * 500)
    assert 1 <= len(connection.pipeline) <= 16
    assert connection.transport.is_paused
    house.wait(1000)
    house.application.may_answer.set()
    for _ in range(501):
        await turn()
    assert statuses(connection) == [200] * 501
    assert is_open(connection)


async def test_a_body_of_many_ends_is_not_cut_to_shreds(house, monkeypatch):
    pieces = []
    parse = connections.Connection._parse
    monkeypatch.setattr(
        connections.Connection,
        "_parse",
        lambda self, piece: (pieces.append(piece), parse(self, piece)),
    )
    connection = house.open()
    feed(connection, POST % 400_000 + b"\r\n" * 200_000, 100_000)
    await turn()
    assert statuses(connection) == [200]
    assert len(pieces) < 2000


async def test_a_body_that_waits_has_all_its_time_when_it_is_its_turn(house, log):
    house.application.may_answer.clear()
    connection = house.open()
    feed(connection, POST % 1)
    feed(connection, b"x" + POST % 2)
    house.wait(1000)
    house.application.may_answer.set()
    await turn()
    house.wait(BODY_SECONDS)
    assert is_open(connection)
    house.wait(1)
    await turn()
    assert statuses(connection) == [200, 408]
    check_refused(house, connection, 408, "slow", log)


async def test_who_listens_for_the_end_does_not_let_more_in(house):
    house.application.listens = True
    connection = house.open()
    feed(connection, GET * 2)
    await turn()
    assert connection.transport.is_paused
    house.wait(1000)
    assert is_open(connection)
    connection.connection_lost(None)
    await turn()
    assert house.application.gone == 1


async def test_only_the_last_words_follow_a_request_that_ends_the_connection(house):
    connection = house.open()
    feed(connection, GET.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n") + GET)
    await turn()
    assert statuses(connection) == [200]
    assert not is_open(connection)


async def test_the_next_request_waits_for_its_body_while_another_listens(house):
    house.application.listens = True
    connection = house.open()
    feed(connection, POST % 1)
    await turn()
    feed(connection, b"x" + POST % 1)
    await turn()
    assert not connection.transport.is_paused
    house.wait(1000)
    feed(connection, b"x")
    assert connection.flow.waiting == b"x"


async def test_who_was_next_hears_of_the_end(house):
    house.application.may_answer.clear()
    connection = house.open()
    feed(connection, POST % 1)
    await turn()
    feed(connection, b"x" + GET * 3)
    house.application.listens = True
    house.application.may_answer.set()
    await turn()
    assert statuses(connection) == [200]
    connection.connection_lost(None)
    await turn()
    assert house.application.gone == 1
    assert not house.state.tasks


async def test_what_waits_is_forgotten_though_the_application_goes_on(house):
    house.application.may_answer.clear()
    connection = house.open()
    feed(connection, GET * 2)
    await turn()
    assert connection.flow.waiting == GET
    connection.connection_lost(ConnectionResetError())
    assert connection.flow.waiting == b""
    house.application.may_answer.set()
    await turn()
    assert len(house.application.scopes) == 1


SENT = [
    pytest.param([], id="nothing"),
    pytest.param([GET], id="a request"),
    pytest.param([POST % 5], id="a part"),
    pytest.param([GET * 100], id="many"),
    pytest.param([POST % 1, b"x" + GET * 100], id="many behind a body"),
    pytest.param([b"garbage"], id="garbage"),
]


@pytest.mark.parametrize("sent", SENT)
@pytest.mark.parametrize("listens", [True, False])
async def test_whoever_leaves_is_forgotten_at_once(house, sent, listens):
    house.application.listens = listens
    connection = house.open()
    gc.disable()
    try:
        for data in sent:
            feed(connection, data)
            await turn()
        connection.connection_lost(None)
        await turn()
        assert not house.state.tasks
        assert house.application.gone == len(house.application.scopes) or not listens
        left = weakref.ref(connection)
        del connection
        assert left() is None
    finally:
        gc.enable()


# Answers that are not read


async def test_who_takes_no_answer_is_cut_off(house):
    house.application.may_end.clear()
    connection = house.open()
    feed(connection, GET * 2)
    await turn()
    house.wait(1000)
    connection.pause_writing()
    house.application.may_end.set()
    house.wait(ANSWER_SECONDS)
    assert is_open(connection)
    house.wait(1)
    assert connection.transport.is_aborted
    connection.connection_lost(None)
    await turn()
    assert not house.state.tasks
    assert len(house.application.scopes) == 1


async def test_who_sends_but_takes_no_answer_is_cut_off(house):
    house.application.reads = False
    connection = house.open()
    feed(connection, POST % 1_000_000)
    await turn()
    connection.pause_writing()
    for _ in range(ANSWER_SECONDS + 1):
        feed(connection, b"x")
        connection.deadline = house.door.seconds + BODY_SECONDS
        house.wait(1)
    assert connection.transport.is_aborted


async def test_who_takes_answers_slowly_is_not_cut_off(house):
    house.application.may_end.clear()
    connection = house.open()
    feed(connection, GET)
    await turn()
    for _ in range(10):
        connection.pause_writing()
        house.wait(ANSWER_SECONDS)
        connection.resume_writing()
    house.wait(1000)
    assert is_open(connection)
    connection.pause_writing()
    house.wait(ANSWER_SECONDS + 1)
    assert connection.transport.is_aborted


async def test_a_stream_with_nothing_to_send_goes_on(house):
    house.application.may_end.clear()
    connection = house.open()
    feed(connection, GET)
    await turn()
    assert statuses(connection) == [200]
    house.wait(100_000)
    assert is_open(connection)
    house.application.may_end.set()
    await turn()
    assert connection.transport.written.endswith(b"ok")


async def test_the_last_answer_may_be_taken_slowly(house):
    house.application.may_answer.clear()
    connection = house.open()
    feed(connection, GET.replace(b"1.1", b"1.0"))
    await turn()
    house.wait(1000)
    house.application.may_answer.set()
    await turn()
    assert not is_open(connection)
    house.wait(ANSWER_SECONDS)
    assert not connection.transport.is_aborted
    house.wait(1)
    assert connection.transport.is_aborted


# How many


@pytest.mark.parametrize(
    ("address", "neighbour", "stranger"),
    [
        ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
        ("2001:db8::1", "2001:db8::ffff:0:0:1", "2001:db8:0:1::1"),
        ("::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.2"),
        ("fe80::1%eth0", "fe80::2%eth0", "192.0.2.1"),
    ],
)
async def test_an_address_may_have_so_many(log, address, neighbour, stranger):
    house = House(max_per_address=2)
    first, second, third = house.open(address), house.open(neighbour), house.open(address)
    headers = check_refused(house, third, 503, "connections", log)
    assert headers["retry-after"] == "2"
    third.connection_lost(None)
    assert not is_open(house.open(address))
    connections = [first, second, house.open(stranger)]
    for connection in connections:
        feed(connection, GET)
    await turn()
    assert [statuses(connection) for connection in connections] == [[200]] * 3


@pytest.mark.parametrize("error", [None, ConnectionResetError()])
@pytest.mark.parametrize("sent", [b"", GET, GET[:5], POST % 5, b"garbage"])
async def test_whoever_leaves_makes_room(sent, error):
    house = House(max_per_address=1)
    for _ in range(3):
        connection = house.open()
        feed(connection, sent)
        await turn()
        assert 503 not in statuses(connection)
        connection.connection_lost(error)
        await turn()
    assert house.door._inside == {}
    assert house.state.connections == set()


async def test_any_number_without_a_limit(house):
    assert all(is_open(house.open()) for _ in range(2000))


def test_places():
    assert place_of("192.0.2.1") != place_of("192.0.2.2")
    assert place_of("2001:db8::1") == place_of("2001:db8::2")
