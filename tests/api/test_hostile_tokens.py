"""Every hostile token of the table against the real application: refused, for the right reason."""

import re
import socket
from collections import Counter

import pytest
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from structlog.testing import capture_logs

from intentlive.auth.gate import Gate
from intentlive.core.errors import Refusal

from .hostile import encryption, making, signatures
from .hostile.making import CODES, apps, honest
from .hostile.table import HOSTILE
from .server import NOON_MS, problem, running

URL = "/api/public/bot/{}/intentrealtimedata"
RULE = re.compile(r"RFC (4648|7515|7516|7517|7518|7519|7797|8259|8725), \d+(\.\d+)*(:|,) .+")
OVER_HTTP = [each for each in HOSTILE if each.over_http]
SECRETS = [making.SECRET, making.OTHER_SECRET, making.GUESSED]


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
async def server(tmp_path_factory):
    """One server for all of them: what one leaves behind would show in the next."""
    async with running(tmp_path_factory.mktemp("hostile"), rate_limit=0) as started:
        await started.add_account("other", rate_limit=0, bot="theirs")
        for app in apps():
            await started.store.add_app(app)
        await started.store.add_server_key(making.server_key(), others_until=0)
        started.clock.move(seconds=1)
        await call(started, making.HS256, honest(making.HS256))
        started.clock.now = NOON_MS
        yield started
        await started.http.aclose()


async def call(server, aim, token, *, name="auth", prefix=""):
    bot = "theirs" if aim == making.OTHER else "bot"
    headers = {name: f"{prefix}{token}".encode()}
    return await server.http.get(URL.format(bot), headers=headers)


async def refusals(server):
    return {
        dict(labels)["check"]: value
        for (name, labels), value in (await server.metrics()).items()
        if name == "intentlive_refusals_total"
    }


def named(hostile):
    return pytest.mark.parametrize("hostile", hostile, ids=[each.id for each in hostile])


@pytest.mark.parametrize("aim", [app.client_id for app in apps()])
async def test_what_is_honest_is_accepted(server, aim):
    for name, prefix in (("auth", ""), ("authorization", "Bearer ")):
        answer = await call(server, aim, honest(aim), name=name, prefix=prefix)
        assert (answer.status_code, answer.content) == (200, b"[]")


def test_the_table_is_large_and_every_token_breaks_a_rule_of_its_own_kind():
    assert len(HOSTILE) >= 250
    assert [id_ for id_, count in Counter(each.id for each in HOSTILE).items() if count > 1] == []
    assert [each.id for each in HOSTILE if not RULE.fullmatch(each.rule)] == []
    assert {each.aim for each in HOSTILE} == {app.client_id for app in apps()}


@named(OVER_HTTP)
async def test_it_is_refused_and_the_answer_tells_nothing(server, hostile):
    if hostile.before is not None:
        assert (await call(server, hostile.aim, hostile.before())).status_code == 200
    token, before = hostile.make(), await refusals(server)
    with capture_logs() as lines:
        answer = await call(server, hostile.aim, token)
    assert (answer.status_code, answer.json()) == (401, problem(hostile.msg, CODES[hostile.msg]))
    assert re.fullmatch(r"[0-9a-f]{24}", answer.headers["x-request-id"])
    assert await refusals(server) == before | {hostile.check: before.get(hostile.check, 0) + 1}
    (line,) = lines
    assert (line["request_id"], line["check"]) == (answer.headers["x-request-id"], hostile.check)
    told = f"{answer.headers} {answer.text} {line}"
    hidden = [*SECRETS, *(each for each in token.split(".") if len(each) > 8)]
    assert [each for each in hidden if each in told] == []


@named(OVER_HTTP[::7])
async def test_as_bearer_it_fares_no_better(server, hostile):
    if hostile.before is not None:
        await call(server, hostile.aim, hostile.before())
    answer = await call(server, hostile.aim, hostile.make(), name="authorization", prefix="Bearer ")
    assert (answer.status_code, answer.json()) == (401, problem(hostile.msg, CODES[hostile.msg]))


@named([each for each in HOSTILE if not each.over_http])
async def test_what_no_header_can_carry_is_refused_at_the_gate(server, hostile):
    gate = Gate(server.store, server.clock, lambda: None, require_account_id=False)
    with pytest.raises(Refusal) as caught:
        await gate.authenticate(hostile.make(), None)
    assert (caught.value.message, caught.value.check) == (hostile.msg, hostile.check)


def never(*_arguments, **_more):
    raise AssertionError("this was not to be done")


async def refuse(server, hostile):
    assert (await call(server, hostile.aim, hostile.make())).status_code == 401


async def test_no_key_is_derived_from_a_password_however_many_rounds_are_asked_for(
    server, monkeypatch
):
    monkeypatch.setattr(PBKDF2HMAC, "__init__", never)
    (hostile,) = [each for each in HOSTILE if "pbes2" in each.id]
    await refuse(server, hostile)


async def test_what_is_too_long_is_not_even_split(server, monkeypatch):
    for name in ("tokens.read_claims", "encryption.decrypt"):
        monkeypatch.setattr(f"intentlive.auth.{name}", never)
    for hostile in HOSTILE:
        if hostile.check == "size":
            await refuse(server, hostile)


async def test_the_servers_key_is_not_used_where_the_header_says_enough(server, monkeypatch):
    monkeypatch.setattr("intentlive.auth.encryption._opened", never)
    for hostile in encryption.ALGORITHMS:
        await refuse(server, hostile)
    for hostile in encryption.KEYS:
        if "-kid-" in hostile.id:
            await refuse(server, hostile)


async def test_no_address_is_asked_for_a_key(server, monkeypatch):
    for name in ("getaddrinfo", "create_connection"):
        monkeypatch.setattr(socket, name, never)
    monkeypatch.setattr(socket.socket, "connect", never)
    for hostile in [*signatures.BROUGHT_KEYS, *encryption.KEYS]:
        await refuse(server, hostile)
