"""Requests whose head came before: answered without the application, and told apart exactly."""

import asyncio
import gc
import os
import re
import tracemalloc
import weakref

import pytest

from intentlive.api import again
from intentlive.api.again import EXTENSION, Known, KnownHeads
from intentlive.api.door import HEADER_SECONDS, MAX_HEADER
from intentlive.api.http import Response

from .house import CHUNKED, GET, KEEP_ALIVE, POST, Application, House, feed, is_open, statuses, turn


class Remembering(Application):
    """Has every request remembered that it has answered, with ok.

    From then on the answer is at hand, or, if it is not, later, when that may come.
    """

    def __init__(self):
        super().__init__()
        self.is_at_hand = True
        self.may_come = asyncio.Event()
        self.may_come.set()
        self.came_later = 0

    async def __call__(self, scope, receive, send):
        await super().__call__(scope, receive, send)
        scope["extensions"][EXTENSION]["remember"](Known(self.at_hand, self.later))

    def at_hand(self):
        return Response(200, b"content-length: 7\r\n", b"at hand") if self.is_at_hand else None

    async def later(self, body):
        self.bodies.append(body)
        self.came_later += 1
        await self.may_come.wait()
        return Response(200, b"content-length: 5\r\n", b"later")


@pytest.fixture
async def house():
    return House(application=Remembering())


@pytest.fixture
async def late(house):
    """A house where GET is known, and has to be waited for."""
    feed(house.open(), GET)
    await turn()
    house.application.is_at_hand = False
    house.application.may_come.clear()
    return house


def said(connection):
    return re.findall(rb"\r\n\r\n(ok|at hand|later)", connection.transport.written)


def with_header(request, *headers):
    return request.replace(b"host: here", b"\r\n".join([b"host: here", *headers]))


GET_TWO = GET.replace(b"/one", b"/two")
PACKETS = pytest.mark.parametrize("packet", [None, 1, 7, len(GET) + 5])


@pytest.mark.parametrize("at_hand", [True, False])
async def test_what_came_before_is_answered_without_the_application(house, at_hand):
    house.application.is_at_hand = at_hand
    one, other = house.open(), house.open()
    for connection in (one, one, other):
        feed(connection, GET)
        await turn()
    again = b"at hand" if at_hand else b"later"
    assert (said(one), said(other)) == ([b"ok", again], [again])
    assert len(house.application.scopes) == 1
    assert house.state.total_requests == 3
    assert not house.state.tasks


async def test_what_is_at_hand_is_answered_in_the_turn_it_came_in(house):
    connection = house.open()
    feed(connection, GET)
    await turn()
    feed(connection, GET)
    assert said(connection) == [b"ok", b"at hand"]


@pytest.mark.parametrize("at_hand", [True, False])
async def test_an_answer_carries_the_headers_that_the_server_has_now(house, at_hand):
    house.application.is_at_hand = at_hand
    connection = house.open()
    for date in (b"the first", b"the second"):
        house.state.default_headers = [(b"date", date)]
        feed(connection, GET)
        await turn()
    last = connection.transport.written.rpartition(b"HTTP/1.1 ")[2]
    assert last.startswith(b"200 OK\r\ndate: the second\r\ncontent-length: ")


async def test_a_body_goes_with_its_own_request(house):
    house.application.is_at_hand = False
    connection = house.open()
    for body in (b"one", b"two", b"\r\n\r"):
        feed(connection, POST % 3 + body)
        await turn()
    assert house.application.bodies == [b"one", b"two", b"\r\n\r"]
    assert house.application.came_later == 2


async def test_the_end_of_a_head_may_stand_in_a_body(house):
    house.application.is_at_hand = False
    connection = house.open()
    for body in (b"a\r\n\r\nb", b"\r\n\r\nab"):
        feed(connection, POST % 6 + body)
        await turn()
    assert house.application.bodies == [b"a\r\n\r\nb", b"\r\n\r\nab"]
    assert house.application.came_later == 1


async def test_who_waits_to_be_told_to_go_on_is_answered_though_it_did_not_wait(house):
    """It sent all of its request: no word is needed before the answer (RFC 9110, 10.1.1)."""
    waiting = with_header(POST % 3, b"expect: 100-continue")
    for _ in range(2):
        connection = house.open()
        feed(connection, waiting + b"abc")
        await turn()
        feed(connection, waiting)  # and this one waits
        await turn()
        assert connection.transport.written.endswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        feed(connection, b"def")
        await turn()
        assert [status for status in statuses(connection) if status != 100] == [200, 200]
    assert said(connection) == [b"at hand", b"ok"]


# What is not known


@pytest.mark.parametrize(
    "pieces",
    [[GET[:9], GET[9:]], [POST % 3, b"abc"], [POST % 3 + b"a", b"bc"]],
    ids=["in the head", "behind the head", "in the body"],
)
async def test_a_request_that_comes_in_parts_goes_the_usual_way(house, pieces):
    connection = house.open()
    for data in [b"".join(pieces), *pieces]:
        feed(connection, data)
        await turn()
    assert said(connection) == [b"ok", b"ok"]
    feed(connection, b"".join(pieces))
    await turn()
    assert said(connection) == [b"ok", b"ok", b"at hand"]


@pytest.mark.parametrize("at", [1, 9, len(GET) - 3, len(POST % 3), len(POST % 3) + 1])
@pytest.mark.parametrize("body", [b"abc", b"a\r\n\r\nb", b"\r\n\r\n"])
async def test_of_what_came_in_parts_nothing_is_remembered(house, body, at):
    connection = house.open()
    whole = POST % len(body) + body
    feed(connection, whole[:at])
    feed(connection, whole[at:])
    await turn()
    assert said(connection) == [b"ok"]
    assert house.door.known._young == {}


def chunked(*chunks):
    return CHUNKED + b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in (*chunks, b""))


def head_of(size):
    padding = size - len(with_header(GET, b"x-long: "))
    return with_header(GET, b"x-long: " + b"x" * padding)


@pytest.mark.parametrize(
    "request_",
    [
        GET.replace(b"1.1", b"1.0"),
        with_header(GET.replace(b"1.1", b"1.0"), b"connection: keep-alive"),
        with_header(GET, b"connection: close"),
        with_header(GET, b"Connection: Close, te"),
        with_header(GET, b"connection: upgrade", b"upgrade: websocket"),
        with_header(GET, b"connection: upgrade", b"upgrade: other"),
        chunked(b"abc"),
        chunked(),
        head_of(4097),
        b"\r\n\r\n" + GET,
        b"\r\n\r\n\r\n" + POST % 3 + b"abc",
        POST % 3 + b"abc\r\n",
        POST % 3 + b"abc\r\n\r\n",
        GET + b"\r\n",
    ],
    ids=lambda request: repr(request[-70:]),
)
async def test_never_remembered(house, request_):
    for _ in range(3):
        connection = house.open()
        feed(connection, request_)
        await turn()
        assert said(connection) == [b"ok"]
    assert len(house.application.scopes) == 3
    assert house.door.known._young == {}


async def test_the_longest_head_that_is_remembered(house):
    for _ in range(2):
        feed(house.open(), head_of(4096))
        await turn()
    assert len(house.application.scopes) == 1


@pytest.mark.parametrize("behind", [GET[:7], GET, b"\r\n"])
async def test_a_request_with_something_behind_it_is_not_remembered(house, behind):
    feed(house.open(), GET_TWO + behind)
    await turn()
    assert house.door.known.find(GET_TWO) is None


async def test_an_application_that_remembers_nothing_is_asked_each_time():
    house = House()
    connection = house.open()
    feed(connection, GET)
    await turn()
    feed(connection, GET)
    await turn()
    assert len(house.application.scopes) == 2


# What must never be taken for a known request


async def test_empty_lines_before_a_request_are_not_its_head(house):
    """Or whoever sends them would be given another's answer."""
    feed(house.open(), b"\r\n\r\n" + GET)
    await turn()
    feed(house.open(), b"\r\n\r\n" + GET_TWO)
    await turn()
    assert [scope["path"] for scope in house.application.scopes] == ["/one", "/two"]


async def test_chunks_are_not_compared_by_their_length(house):
    """Or a request behind a shorter body would be swallowed, and the next answered in its place."""
    feed(house.open(), chunked(b"x" * 100))
    await turn()
    shorter = chunked()
    other = with_header(GET, b"x-long: ")
    other = other.replace(
        b"x-long: ", b"x-long: " + b"x" * (len(chunked(b"x" * 100)) - len(shorter + other))
    )
    both = shorter + other
    assert len(both) == len(chunked(b"x" * 100))
    connection = house.open()
    feed(connection, both)
    await turn()
    assert statuses(connection) == [200, 200]


async def test_empty_lines_behind_a_body_are_not_of_it(house):
    """Or the first bytes of the next request would be."""
    house.application.is_at_hand = False
    connection = house.open()
    feed(connection, POST % 1 + b"x\r\n")
    await turn()
    feed(connection, POST % 1 + b"y" + GET[:2])
    feed(connection, GET[2:])
    await turn()
    assert statuses(connection) == [200] * 3
    assert house.application.bodies == [b"x", b"y", b""]


async def test_a_body_of_another_length_than_is_said_is_not_of_a_known_request(house):
    house.application.is_at_hand = False
    connection = house.open()
    feed(connection, POST % 3 + b"abc")
    await turn()
    feed(connection, POST % 3 + b"def" + GET)
    await turn()
    feed(connection, POST % 3 + b"gh")
    await turn()
    feed(connection, b"i")
    await turn()
    assert house.application.bodies == [b"abc", b"def", b"", b"ghi"]
    assert house.application.came_later == 0


async def test_a_part_of_a_header_is_not_a_known_request(house):
    feed(house.open(), GET)
    await turn()
    connection = house.open()
    feed(connection, b"GET /two HTTP/1.1\r\nx-quoted: ")
    feed(connection, GET)
    await turn()
    assert said(connection) == [b"ok"]
    assert (b"x-quoted", b"GET /one HTTP/1.1") in house.application.scopes[-1]["headers"]


@pytest.mark.parametrize("reads", [True, False])
async def test_a_body_is_not_a_known_request(house, reads):
    feed(house.open(), GET)
    await turn()
    house.application.reads = reads
    connection = house.open()
    feed(connection, POST % len(GET))
    await turn()
    feed(connection, GET)
    await turn()
    assert said(connection) == [b"ok"]
    feed(connection, GET)
    assert said(connection) == [b"ok", b"at hand"]


@pytest.mark.parametrize(
    "other", [GET.lower(), with_header(GET, b"x: y"), GET.replace(b"host: ", b"host:"), GET_TWO]
)
async def test_a_head_that_differs_at_all_is_another(house, other):
    feed(house.open(), GET)
    await turn()
    assert house.door.known.find(GET) is not None
    assert house.door.known.find(other) is None


@pytest.mark.parametrize(
    "data", [b"", b"\r\n", b"\r\n\r\n", GET[:-1], GET + b"x", GET * 2, b"x" + GET]
)
async def test_what_is_no_whole_known_request(house, data):
    feed(house.open(), GET)
    await turn()
    assert house.door.known.find(data) is None


# How many


def test_a_head_that_does_not_come_for_a_generation_is_let_go():
    heads, known = KnownHeads(), Known(None, None)
    heads.remember(GET, 0, known)
    for _ in range(3):
        heads.age()
        assert heads.find(GET) is not None
    heads.age()
    heads.age()
    assert heads.find(GET) is None


def test_of_too_many_heads_those_go_that_are_not_asked_for(monkeypatch):
    monkeypatch.setattr(again, "_MAX_HEADS", 10)
    heads, known = KnownHeads(), Known(None, None)
    requests = [b"GET /%d HTTP/1.1\r\n\r\n" % number for number in range(30)]
    for request in requests:
        heads.remember(request, 0, known)
        heads.remember(request, 0, known)  # known already: nobody has to go
        assert heads.find(requests[0]) is not None
    assert heads.find(requests[0]) is not None
    assert heads.find(requests[1]) is None
    assert len([each for each in requests if heads.find(each)]) <= 20


async def test_a_generation_begins_once_a_minute(house):
    house.door.known.remember(GET, 0, Known(None, None))
    house.wait(119)
    assert house.door.known.find(GET) is not None
    house.wait(120)
    assert house.door.known.find(GET) is None


def test_a_head_that_is_remembered_anew_has_its_latest_answer_and_length():
    heads, first, second = KnownHeads(), Known(None, None), Known(None, len)
    heads.remember(GET, 0, first)
    heads.remember(GET, 2, second)
    assert heads.find(GET) is None
    assert heads.find(GET + b"ab") == (second, b"ab")


# Connections that are not free


async def test_who_has_not_taken_what_was_written_gets_no_answer_at_once(house):
    connection = house.open()
    feed(connection, GET)
    await turn()
    connection.pause_writing()
    feed(connection, GET)
    await turn()
    assert said(connection) == [b"ok"]
    connection.resume_writing()
    await turn()
    assert said(connection) == [b"ok", b"ok"]


async def test_a_connection_that_is_closing_gets_no_answer(house):
    feed(house.open(), GET)
    await turn()
    house.application.may_answer.clear()
    connection = house.open()
    connection.transport.close()
    connection.data_received(GET)
    await turn()
    connection.connection_lost(None)
    house.application.may_answer.set()
    await turn()
    assert connection.transport.written == b""


async def test_who_was_refused_is_not_heard_any_more(house):
    feed(house.open(), GET)
    await turn()
    connection = house.open()
    feed(connection, b"garbage\r\n\r\n")
    connection.data_received(GET)
    assert statuses(connection) == [400]


# One after the other


@PACKETS
async def test_a_known_request_waits_for_a_slow_one_before_it(house, packet):
    connection = house.open()
    feed(connection, GET)
    await turn()
    house.application.may_answer.clear()
    feed(connection, GET_TWO + GET, packet)
    await turn()
    assert said(connection) == [b"ok"]
    house.application.may_answer.set()
    await turn()
    assert said(connection) == [b"ok", b"ok", b"at hand"]
    assert [scope["path"] for scope in house.application.scopes] == ["/one", "/two"]


@pytest.mark.parametrize("packet", [None, len(GET)])
async def test_what_comes_behind_a_slow_known_request_waits_for_it(late, packet):
    connection = late.open()
    feed(connection, GET, None)
    feed(connection, GET_TWO + GET, packet)
    await turn()
    late.wait(100)
    assert connection.transport.is_paused
    assert connection.flow.waiting == GET_TWO + GET
    assert connection.transport.written == b""
    assert len(late.application.scopes) == 1
    late.application.may_come.set()
    for _ in range(3):
        await turn()
    assert said(connection) == [b"later", b"ok", b"later"]
    assert not connection.transport.is_paused
    assert is_open(connection)


async def test_three_known_requests_in_one_packet(house):
    connection = house.open()
    feed(connection, GET)
    await turn()
    feed(connection, GET * 3)
    for _ in range(3):
        await turn()
    assert said(connection) == [b"ok"] * 3 + [b"at hand"]  # the last stands alone in the end
    assert not connection.transport.is_paused
    house.wait(KEEP_ALIVE)
    assert is_open(connection)


@pytest.mark.parametrize("at_hand", [True, False])
async def test_a_known_request_and_half_of_another_in_one_packet(house, at_hand):
    house.application.is_at_hand = at_hand
    connection = house.open()
    feed(connection, GET)
    await turn()
    feed(connection, GET + GET[:9])
    await turn()
    assert said(connection) == [b"ok"] * 2
    feed(connection, GET[9:])
    await turn()
    assert statuses(connection) == [200] * 3
    feed(connection, GET)
    await turn()
    assert statuses(connection) == [200] * 4


async def test_many_requests_that_nobody_waits_for_are_answered_in_order(house):
    house.application.is_at_hand = False
    connection = house.open()
    bodies = [b"%02d" % number for number in range(100)]
    feed(connection, POST % 2 + bodies[0])
    await turn()
    for body in bodies[1:]:
        feed(connection, POST % 2 + body)
    for _ in range(100):
        await turn()
    assert statuses(connection) == [200] * 100
    assert house.application.bodies == bodies
    assert house.application.came_later > 0


# The end of a connection, and of the server


async def test_nothing_is_written_to_who_left_while_an_answer_was_owed(late):
    connection = late.open()
    feed(connection, GET)
    feed(connection, GET)
    await turn()
    connection.connection_lost(None)
    connection.transport.is_closed = True
    late.application.may_come.set()
    await turn()
    assert connection.transport.written == b""
    assert not late.state.tasks
    assert late.application.came_later == 1


async def test_a_server_that_ends_answers_what_it_owes_and_closes(late):
    connection = late.open()
    feed(connection, GET)
    await turn()
    connection.shutdown()
    assert is_open(connection)
    late.application.may_come.set()
    await turn()
    assert said(connection) == [b"later"]
    assert connection.transport.written.count(b"\r\nconnection: close\r\n") == 1
    assert not is_open(connection)
    late.wait(100)
    assert connection.transport.is_aborted  # who does not take the last words is cut off


async def test_a_server_that_ends_closes_a_connection_that_was_answered_at_once(house):
    connection = house.open()
    for _ in range(2):
        feed(connection, GET)
        await turn()
    connection.shutdown()
    assert not is_open(connection)
    assert b"connection: close" not in connection.transport.written


async def test_who_is_given_up_by_the_server_is_let_go(late):
    connection = late.open()
    feed(connection, GET)
    await turn()
    (task,) = late.state.tasks
    task.cancel()
    await turn()
    assert not is_open(connection)
    assert connection.transport.written == b""
    assert task.cancelled()
    assert not late.state.tasks


async def test_a_fault_leaves_nobody_waiting(late, monkeypatch):
    monkeypatch.setattr(late.application.may_come, "wait", None)
    connection = late.open()
    feed(connection, GET)
    (task,) = late.state.tasks
    await turn()
    assert isinstance(task.exception(), TypeError)
    assert not is_open(connection)
    assert connection.transport.written == b""


# Time


async def test_an_answer_that_is_owed_has_all_the_time_it_needs(late):
    connection = late.open()
    feed(connection, GET)
    await turn()
    late.wait(100)
    assert is_open(connection)
    late.application.may_come.set()
    await turn()
    assert said(connection) == [b"later"]
    late.wait(KEEP_ALIVE)
    assert is_open(connection)
    late.wait(1)
    assert not is_open(connection)


async def test_each_answer_at_once_begins_the_idle_time_anew(house):
    feed(house.open(), GET)
    await turn()
    connection = house.open()
    house.wait(HEADER_SECONDS)
    for _ in range(3):
        feed(connection, GET)
        house.wait(KEEP_ALIVE)
        assert is_open(connection)
    house.wait(1)
    assert not is_open(connection)


async def test_empty_lines_between_known_requests_do_not_use_up_the_room_for_a_header(house):
    connection = house.open()
    feed(connection, GET)
    await turn()
    for _ in range(MAX_HEADER // 2 + 1):
        connection.transport.written = b""
        connection.data_received(b"\r\n")
        connection.data_received(GET)
    assert said(connection) == [b"at hand"]
    assert is_open(connection)


# Memory


@pytest.mark.parametrize("at_hand", [True, False])
@pytest.mark.parametrize("leaves", ["in time", "while it is owed"])
async def test_whoever_leaves_after_known_requests_is_forgotten_at_once(house, at_hand, leaves):
    house.application.is_at_hand = at_hand
    connection = house.open()
    gc.disable()
    try:
        for _ in range(3):
            feed(connection, GET)
            await turn()
        if leaves != "in time":
            house.application.may_come.clear()
        feed(connection, GET)
        feed(connection, GET)
        await turn()
        connection.connection_lost(None)
        house.application.may_come.set()
        await turn()
        assert not house.state.tasks
        left = weakref.ref(connection)
        del connection
        assert left() is None
    finally:
        gc.enable()


async def test_an_idle_connection_does_not_keep_the_body_that_it_brought(house):
    size = 100_000
    tracemalloc.start()
    connections = [house.open() for _ in range(20)]
    for number, connection in enumerate(connections):  # each with a head of its own
        feed(connection, POST % (size + number) + os.urandom(size + number))
        await turn()
        house.application.bodies.clear()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [said(connection) for connection in connections] == [[b"ok"]] * 20
    assert held < 5 * size
