"""What no client may do to a server, over real sockets: others are served meanwhile."""

import json
import re
import socket
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from .calling import Answer, call, eventually, unavailable
from .server import PATIENCE, events_path
from .wire import BATCH, finished

MIB = 1024 * 1024
GET = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"
SHORTEST = b"GET /x HTTP/1.1\r\n\r\n"
POST_OF_ONE = b"POST /x HTTP/1.1\r\ncontent-length: 1\r\n\r\n"


def connect_from(server, address="127.0.0.1"):
    return socket.create_connection(("127.0.0.1", server.port), PATIENCE, (address, 0))


def answers_on(connection):
    """All that the server says until it closes the connection."""
    said = bytearray()
    with suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            said += piece
    return bytes(said)


def next_answer(connection):
    """One answer, on a connection that stays open."""
    said = bytearray()
    while b"\r\n\r\n" not in said:
        said += connection.recv(65536) or pytest.fail("the connection was closed")
    answer = parsed(bytes(said))
    body = bytearray(answer.body)
    while len(body) < int(answer.headers["content-length"]):
        body += connection.recv(65536) or pytest.fail("the connection was closed")
    return answer._replace(body=bytes(body))


def parsed(said):
    head, _, body = said.partition(b"\r\n\r\n")
    status_line, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return Answer(int(status_line.split()[1]), headers, body)


def check_refused(server, said, status, check):
    """One answer in the one shape, and its line in the log."""
    answer = parsed(said)
    assert (answer.status, answer.error[1]) == (status, status)
    assert answer.headers["connection"] == "close"
    assert answer.headers["date"]
    line = server.log_line(answer.request_id)
    assert (line["level"], line["status"], line["check"]) == ("warning", status, check)
    assert line["client"].startswith("127.0.0.")
    assert line["mend"]
    return answer


def memory_of(server):
    """The most bytes that a server ever had in memory."""
    status = Path(f"/proc/{server.process.pid}/status")
    if not status.is_file():
        unavailable("the memory of a process can be read on Linux only")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) * 1024


@pytest.mark.parametrize("piece", [b"x" * 65536, b"a: b\r\n" * 1000], ids=["one", "many"])
@pytest.mark.parametrize("before", [b"", GET], ids=["first", "second"])
def test_a_header_that_never_ends(server, piece, before):
    most = memory_of(server)
    with connect_from(server) as connection:
        if before:
            connection.sendall(before)
            assert next_answer(connection).status == 200
        connection.sendall(b"GET / HTTP/1.1\r\nx-long: ")
        sent = 0
        with suppress(ConnectionResetError, BrokenPipeError):
            while sent < 50 * MIB:
                connection.sendall(piece)
                sent += len(piece)
        assert sent < 50 * MIB
        check_refused(server, answers_on(connection), 431, "header size")
    assert memory_of(server) - most < 4 * MIB
    assert call(server.port, "GET", "/healthz").status == 200


def test_a_header_of_the_largest_size(server):
    path = "/healthz?" + "x" * 30_000
    assert call(server.port, "GET", path, {"x-long": "x" * 2_500}).status == 200
    answer = call(server.port, "GET", path, {"x-long": "x" * 3_000})
    assert (answer.status, answer.error[1]) == (431, 431)


@pytest.mark.parametrize(
    "garbage",
    [b"BREW /coffee HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"hello\r\n\r\n"],
    ids=["method", "TLS", "text"],
)
def test_garbage(server, garbage):
    with connect_from(server) as connection:
        connection.sendall(garbage)
        answer = check_refused(server, answers_on(connection), 400, "not http")
    (line,) = [line for line in server.log.read_text().splitlines() if answer.request_id in line]
    assert "coffee" not in line
    assert "hello" not in line


def test_refusals_of_connections_are_counted(server):
    def count(name):
        text = call(server.port, "GET", "/metrics").body.decode()
        found = re.search(rf"^intentlive_{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    names = (
        'requests_total{route="(connection)",status="400"}',
        'refusals_total{check="not http"}',
    )
    before = [count(name) for name in names]
    with connect_from(server) as connection:
        connection.sendall(b"garbage\r\n\r\n")
        answers_on(connection)
    assert [count(name) for name in names] == [each + 1 for each in before]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="127.0.0.2 is an address on Linux only")
def test_too_many_connections_of_one_address(new_server):
    server = new_server().start("--max-connections-per-address", "20")

    def is_served(connection):
        connection.sendall(GET)
        return next_answer(connection).status == 200

    with ExitStack() as stack:
        let_in = [stack.enter_context(connect_from(server, "127.0.0.2")) for _ in range(20)]
        assert all(map(is_served, let_in))
        for _ in range(5):
            with connect_from(server, "127.0.0.2") as another:
                answer = check_refused(server, answers_on(another), 503, "connections")
                assert answer.headers["retry-after"] == "2"
        assert call(server.port, "GET", "/healthz").status == 200
        assert all(map(is_served, let_in))
        let_in.pop().close()
        eventually(lambda: is_let_in(server, "127.0.0.2"))
    assert server.stop() == 0


def is_let_in(server, address):
    with connect_from(server, address) as connection, suppress(ConnectionError):
        connection.sendall(GET)
        return connection.recv(65536).startswith(b"HTTP/1.1 200")
    return False


def test_a_body_that_was_refused_unread_does_not_spoil_the_next_request(server, shared_bot):
    body = json.dumps([finished()]).encode()
    head = (
        f"POST {events_path(shared_bot)} HTTP/1.1\r\nhost: localhost\r\nauth: nonsense\r\n"
        f"content-type: {BATCH}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    with connect_from(server) as connection:
        connection.sendall(head.encode())
        assert next_answer(connection).status == 401
        connection.sendall(body[:9])
        connection.sendall(body[9:] + GET)
        assert next_answer(connection).status == 200


@pytest.mark.parametrize(
    ("begin", "end"), [(b"", b""), (POST_OF_ONE, b"x")], ids=["from the first", "behind a body"]
)
def test_a_flood_of_requests_on_one_connection(server, begin, end):
    most = memory_of(server)
    with connect_from(server) as connection:
        connection.sendall(begin)
        connection.settimeout(1)
        with suppress(TimeoutError):
            connection.sendall(end + SHORTEST * 1_000_000)
        connection.settimeout(PATIENCE)
        said = 0
        while said < MIB:
            said += len(connection.recv(65536)) or pytest.fail("the connection was closed")
    assert memory_of(server) - most < 16 * MIB
    assert call(server.port, "GET", "/healthz").status == 200


def test_a_few_requests_at_once_are_answered_in_turn(server):
    with connect_from(server) as connection:
        paths = ["/healthz", "/openapi.json", "/nowhere", "/readyz", "/healthz"]
        lines = [f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n" for path in paths]
        lines[-1] = lines[-1].replace("host:", "connection: close\r\nhost:")
        connection.sendall("".join(lines).encode())
        said = answers_on(connection)
    assert re.findall(rb"HTTP/1\.1 (\d+)", said) == [b"200", b"200", b"404", b"200", b"200"]


HURRIED = "import intentlive.api.door as door; door.ANSWER_SECONDS = 1"


def is_established(connection):
    """Whether the other side, on this machine, still has this connection."""
    table = Path("/proc/net/tcp")
    if not table.is_file():
        unavailable("the connections of other processes can be seen on Linux only")
    ends = (connection.getpeername(), connection.getsockname())
    there, here = (f"0100007F:{port:04X}" for _, port in ends)
    return f" {there} {here} 01 " in table.read_text()


def test_who_takes_no_answers_is_cut_off(new_server, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(HURRIED)
    server = new_server()
    server.environment |= {"PYTHONPATH": str(tmp_path)}
    server.start()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(PATIENCE)
        connection.connect(("127.0.0.1", server.port))
        assert is_established(connection)
        connection.sendall(GET.replace(b"/healthz", b"/openapi.json") * 400)
        eventually(lambda: not is_established(connection))
    assert server.stop() == 0


@pytest.mark.parametrize("name", [b"Upgrade", b"upgrade"])
def test_a_client_that_offers_http_2_is_served_without(server, caller, bot, name):
    """As Java's client does over plain HTTP, with every first request."""
    event = finished()
    body = json.dumps([event]).encode()
    head = (
        b"POST %b HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: %d\r\n"
        b"Host: localhost\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"
        b"%b: h2c\r\nauth: %b\r\ncontent-type: %b\r\n\r\n"
    ) % (events_path(bot).encode(), len(body), name, caller.token.encode(), BATCH.encode())
    with connect_from(server) as connection:
        connection.sendall(head + body)
        assert next_answer(connection).json == {"accepted": 1, "rejected": []}
        connection.sendall(GET)
        assert next_answer(connection).status == 200
    assert server.listed(bot, caller) == [event["subject"]]
