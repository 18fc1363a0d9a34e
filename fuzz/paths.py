"""Requests as the application gets them: any path, query, headers and body.

An input is a request in few bytes: `METHOD PATH?QUERY`, a header a line, an empty line, the body.
`{good}` and the like stand for the tokens of `fuzz.house`.
"""

import json
import re
from urllib.parse import unquote

from fuzz.house import BOTS, TOKENS, Answer, House
from intentlive.core import ids

STATUSES = {200, 400, 401, 404, 405, 412, 413, 415, 503}
ROUTES = ("intentrealtimedata", "events")
PROBE = "/readyz"
MAX_SHOWN = 10 * ids.MAX_LENGTH + 2  # an id that is none, as ascii() shows it

_NOT_A_METHOD = re.compile(rb"[^A-Za-z-]")
_NOT_A_NAME = re.compile(rb"[^!#$%&'*+.^_`|~0-9a-z-]")
_NOT_IN_A_VALUE = re.compile(rb"[\0\r\n]")
_PLACEHOLDER = re.compile(rb"\{(\w+)\}")
_REQUEST_ID = re.compile(rb"[0-9a-f]{24}")

house = House()


def test_one(data: bytes) -> None:
    """Send one request."""
    head, _, body = data.partition(b"\n\n")
    line, *lines = head.split(b"\n")
    method, _, target = line.partition(b" ")
    raw_path, _, query = target.partition(b"?")
    path = unquote(raw_path.decode("utf-8", "replace"))
    scope = {
        "method": _NOT_A_METHOD.sub(b"", method)[:20].decode().upper(),
        "path": path,
        "raw_path": raw_path,
        "query_string": query,
        "headers": [header_of(each) for each in lines],
    }
    check_answer(path, house.ask(scope, body))
    check_lines(path)


def header_of(line: bytes) -> tuple[bytes, bytes]:
    """A header, without what no parser lets through."""
    name, _, value = line.partition(b":")
    value = _PLACEHOLDER.sub(_token, _NOT_IN_A_VALUE.sub(b"", value).strip())
    return _NOT_A_NAME.sub(b"", name.lower()), value


def _token(match: re.Match[bytes]) -> bytes:
    return TOKENS.get(match[1].decode("latin-1"), "").encode()


def check_answer(path: str, answer: Answer) -> None:
    """Fail unless an answer is one of those that the interface promises."""
    assert answer.status in STATUSES, answer
    (request_id,) = answer.header(b"x-request-id")
    assert _REQUEST_ID.fullmatch(request_id)
    for name, value in answer.headers:
        assert (name + value).isascii() and (name + value).decode().isprintable(), (name, value)
    assert answer.header(b"content-length") in ([], [b"%d" % len(answer.body)])
    if answer.status != 200 and path != PROBE:
        assert answer.header(b"content-type") == [b"application/json"]
        content = json.loads(answer.body)
        (error,) = content["errors"]
        assert list(content) == ["errors"] and list(error) == ["msg", "code"]
        assert isinstance(error["msg"], str) and isinstance(error["code"], int)


def bot_call(path: str) -> tuple[str, str] | None:
    """The bot and the route that a path means, found without a regular expression."""
    segments = [segment for segment in path.split("/") if segment]
    if not path.startswith("/") or len(segments) != 5:
        return None
    *fixed, bot_id, name = segments
    is_ours = all(map(str.isascii, fixed)) and [each.lower() for each in fixed] == FIXED
    return (bot_id, name.lower()) if is_ours and name.isascii() and name.lower() in ROUTES else None


FIXED = ["api", "public", "bot"]


def check_lines(path: str) -> None:
    """Fail unless a request leaves one line, which names its route and cannot hurt a terminal."""
    (line,) = [each for each in house.lines if each["event"] == "request"]
    expected = bot_call(path)
    assert (line["route"] in ROUTES) == (expected is not None), (path, line)
    if expected is not None:
        bot_id, name = expected
        assert line["route"] == name
        assert line["bot_id"] == bot_id or not ids.is_acceptable(bot_id)
        assert line["status"] != 200 or bot_id in {each.bot_id for each in BOTS}, line
    for each in house.lines:
        assert each["level"] in ("info", "warning"), each
        for value in each.values():
            shown = str(value)
            assert shown.isprintable() and len(shown) <= MAX_SHOWN, each
            assert not any(token in shown for token in TOKENS.values())
