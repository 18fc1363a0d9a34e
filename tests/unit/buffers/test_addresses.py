"""Where a buffer is, as it is written; and what is missing to use one."""

import sys

import pytest

from intentlive.buffers import NewBuffer, Servers, open_buffer, servers_at
from intentlive.core.errors import StoreError


@pytest.mark.parametrize(
    ("url", "servers"),
    [
        ("nats://a:1", Servers(["nats://a:1"])),
        ("nats://a", Servers(["nats://a:4222"])),
        ("tls://a,b:5,nats://c", Servers(["tls://a:4222", "tls://b:5", "nats://c:4222"])),
        ("nats://u:p@a,b", Servers(["nats://a:4222", "nats://b:4222"], "u", "p")),
        ("nats://u%20v:%40%2C@a", Servers(["nats://a:4222"], "u v", "@,")),
        ("nats://t%2F1@a", Servers(["nats://a:4222"], token="t/1")),
        ("nats://[::1]:7,[::2]", Servers(["nats://[::1]:7", "nats://[::2]:4222"])),
    ],
)
def test_addresses(url, servers):
    assert servers_at(url) == servers


@pytest.mark.parametrize(
    "url",
    ["", "a:4222", "kafka://secret@a", "nats://", "nats://secret@", "nats://a,,b", "nats://a:x"],
)
def test_what_is_no_address(url):
    with pytest.raises(StoreError, match="--buffer is not the address of a buffer") as caught:
        servers_at(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["nats://a,u:secret@b", "nats://u:p@a,secret@b"])
def test_who_asks_is_said_with_the_first_alone(url):
    with pytest.raises(StoreError, match="before its first host alone") as caught:
        servers_at(url)
    assert "secret" not in str(caught.value)


def test_who_asks_is_not_shown():
    servers = servers_at("nats://someone:secret@a,b")
    assert servers.shown() == "nats://a:4222,nats://b:4222"
    for text in (repr(servers), str(servers)):
        assert "secret" not in text
        assert "someone" not in text


async def test_without_its_library_it_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "intentlive.buffers.jetstream", raising=False)
    monkeypatch.setitem(sys.modules, "nats", None)
    with pytest.raises(StoreError, match=r"intentlive\[nats\]"):
        await open_buffer(servers_at("nats://a"), NewBuffer(1, 1))
