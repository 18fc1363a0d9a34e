"""Where each target begins: a few honest inputs, and what was found to be amiss before."""

import gzip
import json
from collections.abc import Callable
from typing import Any

from fuzz import house
from fuzz.events import choice
from fuzz.forging import honest_tokens
from intentlive.api.encodings import zstd
from intentlive.core.events import EVENT_TYPES
from intentlive.ingest.cloudevents import BATCH, MAX_EVENTS, NDJSON, SINGLE

_EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "1",
    "source": "urn:a",
    "type": "message.received",
    "subject": "s-1",
    "time": "2023-11-14T22:13:20.000Z",
}
_RECORD = {
    "intent": ["Pay"],
    "ANI": "+126529865",
    "startTime": "2023-11-14T21:13:20Z",
    "endTime": "2023-11-14T22:00:00+01:00",
    "status": "Dropoff",
    "timeHandled": "1h: 2m: 5s",
}
_DATA: dict[str, dict[str, Any]] = {
    "intent.identified": {"intent": "Pay", "confidence": 0.5, "ANI": "+1", "developer": True},
    "session.deflected": {"to": "rtm", "channel": "ivr"},
    "session.transferred": {"to": "agent", "userId": "é\U0001f600"},
    "session.ended": {"reason": "hangup"},
    "session.recorded": {"record": _RECORD},
    "task.failed": {"task": "t", "reason": "r", "DNI": ""},
}
_PATH = f"/api/public/bot/{house.BOT}/".encode()
_JSON = b"\ncontent-type: application/cloudevents+json"
_FRAMES = (b"\x06\x00", b"\x00\x00", b"\x09\x00", b"\x0d\x08", b"\x14\x10")


def one_of_each() -> list[bytes]:
    """An event of each type, in sessions of their own."""
    return [
        json.dumps(_EVENT | {"type": each, "subject": each, "data": _DATA.get(each, {})}).encode()
        for each in EVENT_TYPES
    ]


def _events() -> list[bytes]:
    wire = one_of_each()
    bad = json.dumps(_EVENT | {"time": "tomorrow", "id": "\ud800"}).encode()
    lines, array = b"\n".join(wire[:3]), b"[" + b", ".join(wire[3:5]) + b"]"
    many, zeros = b"[" + b"0," * MAX_EVENTS + b"0]", b" " * 5_000_000
    return [
        *(choice(SINGLE, keeps_all=place % 2 == 0) + each for place, each in enumerate(wire)),
        choice(NDJSON) + lines,
        choice(NDJSON) + lines + b"\r\n\r\n" + bad + b"\nnull",
        choice(BATCH) + array,
        choice(BATCH, keeps_all=False) + b"[1," + bad + b"," + wire[0] + b"]",
        choice(NDJSON, "gzip") + gzip.compress(lines, mtime=0),
        choice(BATCH, "zstd") + zstd.compress(array),
        choice(BATCH, "gzip") + gzip.compress(many, mtime=0),
        choice(NDJSON, "zstd") + zstd.compress(zeros),
        choice(NDJSON, "zstd") + zstd.compress(b"\n" * 100_001),
        choice(SINGLE) + b'{"specversion":"1.0","a":NaN,"b":1e999,"c":"\\u0000\\udc00"}',
    ]


def _requests() -> list[bytes]:
    event = json.dumps(_EVENT).encode()
    media = _JSON + b"\ncontent-length: %d\n\n" % len(event)
    latest = b"GET " + _PATH + b"intentrealtimedata"
    post = b"POST " + _PATH + b"events"
    return [
        *(latest + b"\nauth: {%b}" % name.encode() for name in house.TOKENS),
        latest + b"?a=b&c=%00\nauthorization: Bearer {good}\naccountId: acc-a",
        latest + b"\nauth: {good}\nauth: {foreign}",
        b"POST //API//Public/bot/bot-acc-b//IntentRealTimeData///\nauth: {foreign}",
        b"POST /api/public/bot/a%0a%1b%5b31m%e2%80%ae/events\nauth: {good}",
        post + b"\nauth: {good}" + media + event,
        post + b"\nauth: {good}\ncontent-encoding: gzip" + media + gzip.compress(event, mtime=0),
        post + b"\nauth: {good}\ntransfer-encoding: chunked" + media + b"[",
        post + b"\nauth: {scope}\naccountId: acc-b" + media + event,
        *(b"%b /%b" % each for each in ((b"GET", b"healthz"), (b"PUT", b"readyz"))),
        *(b"GET /" + each for each in (b"docs", b"openapi.json", b".well-known/jwks.json", b"no")),
    ]


def _connections() -> list[bytes]:
    auth = b"host: here\r\nauth: " + house.TOKENS["good"].encode() + b"\r\n"
    event = json.dumps(_EVENT).encode()
    get = b"GET " + _PATH + b"intentrealtimedata HTTP/1.1\r\n" + auth
    post = b"POST " + _PATH + b"events HTTP/1.1\r\ncontent-type: application/cloudevents+json\r\n"
    chunk = b"%x\r\n%b\r\n" % (len(event), event)
    sent = [
        get + b"\r\n",
        get.replace(b"1.1", b"1.0") + b"\r\n" + get + b"connection: close\r\n\r\n",
        b"\xff" + get + b"\r\n\xffHEAD /healthz HTTP/1.1\r\n\r\n",
        get + b"\xffx-long: " + b"a" * 50 + b"\r\n\xff\r\n",
        post + auth + b"content-length: %d\r\n\r\n" % len(event) + event,
        post + auth + b"transfer-encoding: chunked\r\n\r\n" + chunk + b"0\r\nauth: x\r\n\r\n",
        post + auth + b"transfer-encoding: chunked\r\n\r\n\xff1\r\n \r\n\xff0\r\n\r\n",
        post
        + auth
        + b"expect: 100-continue\r\ncontent-length: 90000\r\n\r\n\xff"
        + b" " * 90
        + b"\xff",
        get + b"connection: upgrade\r\nupgrade: h2c\r\ncontent-length: 1\r\n\r\na",
        get + b"accept-encoding: gzip\r\nif-none-match: *\r\n\r\n",
        get + b"accept-encoding: zstd\r\n\r\n" + get + b'if-none-match: "a"\r\n\r\n',
        b"CONNECT here:443 HTTP/1.1\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /docs HTTP/1.1\r\nhost: here\r\n\r\nGET /no%ff HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ]
    return [_FRAMES[place % len(_FRAMES)] + each for place, each in enumerate(sent)]


def _tokens() -> list[bytes]:
    return [each.encode() for each in honest_tokens()]


SEEDS: dict[str, Callable[[], list[bytes]]] = {
    "events": _events,
    "tokens": _tokens,
    "paths": _requests,
    "http": _connections,
}


def _whole_and_padded() -> list[bytes]:
    """Requests that were remembered with what is not of them."""
    auth = b"host: here\r\nauth: " + house.TOKENS["good"].encode() + b"\r\n"
    event = json.dumps(_EVENT).encode()
    get = b"GET " + _PATH + b"intentrealtimedata HTTP/1.1\r\n" + auth + b"\r\n"
    post = b"POST " + _PATH + b"events HTTP/1.1\r\ncontent-type: application/cloudevents+json\r\n"
    length = b"content-length: %d\r\n\r\n" % len(event)
    chunked = b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(event), event)
    return [b"\r\n\r\n" + get, post + auth + length + event + b"\r\n", post + auth + chunked]


_STEERING = json.dumps(
    _EVENT | {"source": "urn:a\x1b[31m\u202e", "time": "2023-11-14T20:13:20Z"}
).encode()
_LONG = b"content-length: " + b"0" * 5000 + b"2"
FOUND: dict[str, list[bytes]] = {
    "events": [
        choice(BATCH) + b'["\\ud800"]',
        choice(NDJSON) + json.dumps(_EVENT).encode() + b"\n\x0c",
    ],
    "paths": [
        b"GET /ap%c4%b1/public/bot/bot-acc-a/intentrealtimedata\nauth: {good}",
        b"POST " + _PATH + b"intentrealtimedata\n" + _LONG + b"\n\n{}",
        b"POST %bevents\nauth: {good}%b\ncontent-length: 1\n\n%b" % (_PATH, _JSON, _STEERING),
    ],
    "http": [
        b"\x06\0POST " + _PATH + b"intentrealtimedata HTTP/1.1\r\n" + _LONG + b"\r\n\r\n{}",
        *(b"\x0d\0" + each for each in _whole_and_padded()),
    ],
}
"""Inputs that failed once, by target: each run begins with them."""
