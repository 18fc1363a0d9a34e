"""Buffers: between the intake and the store, so that events are accepted while the store is away.

One file a kind, chosen by the scheme of its address and imported on demand.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from msgspec import Struct

from intentlive.core.errors import StoreError
from intentlive.core.session import Batch
from intentlive.ports import Sink

SCHEMES = ("nats", "tls")


class Delivery(Protocol):
    """A batch that the buffer gives out, to be given back or done with.

    Neither is ever an error: what the buffer does not hear of, it delivers again.
    """

    @property
    def name(self) -> str:
        """What it can be found by in the buffer."""

    def read(self) -> Batch:
        """The batch; UnreadableMessage."""

    async def done(self) -> None:
        """Let the buffer forget it: what it holds is durable elsewhere."""

    async def put_back(self, seconds: float) -> None:
        """Let it be delivered again, after a while."""


class BufferStatus(Struct, frozen=True):
    """How full a buffer is and how far behind; `oldest` (ms since 1970) is when the first came.

    `unacknowledged` messages are with an applier, or wait after one could not apply them.
    """

    messages: int
    bytes: int
    max_bytes: int
    oldest: int | None
    unacknowledged: int
    redelivered: int
    waiting_pulls: int
    replicas: int
    leader: str | None
    current: Sequence[str]
    behind: Sequence[str]


class Buffer(Sink, Protocol):
    """Keeps batches durably until they are in the store.

    `merge` knows no revisions, and no bot that does not exist: it gives 0 for every one. Every
    method but `close` may raise BufferUnavailable.
    """

    async def probe(self) -> None:
        """Prove that the buffer takes a durable write at this moment."""

    async def pull(self, limit: int) -> Sequence[Delivery]:
        """Up to `limit` batches, those longest there first; none if none came for a moment.

        One that is neither done nor put back is delivered again after a while.
        """

    async def status(self) -> BufferStatus:
        """How it is at this moment."""

    async def close(self) -> None:
        """Release the buffer; nothing may be called after it."""


class Servers(Struct, frozen=True):
    """Where a buffer is, and who asks: a user with a password, or a token, or nobody."""

    addresses: Sequence[str]
    user: str | None = None
    password: str | None = None
    token: str | None = None

    def __repr__(self) -> str:
        """Without what must never reach a log by accident."""
        return f"Servers({self.shown()!r})"

    def shown(self) -> str:
        """Where, and nothing else."""
        return ",".join(self.addresses)


def servers_at(url: str) -> Servers:
    """Servers as they are written, `nats://user:password@host:4222,host:4222`; StoreError.

    Who asks is said with the first alone, and counts for all of them.
    """
    scheme, urls = url.partition("://")[0], url.split(",")
    try:
        parts = [urlsplit(each if "://" in each else f"{scheme}://{each}") for each in urls]
        addresses = [_address(part) for part in parts]
    except ValueError:  # which says what was given, and that may hold a password
        mend = "expected nats://HOST:4222, or several with commas between them"
        raise StoreError(f"--buffer is not the address of a buffer: {mend}") from None
    if any(part.username is not None for part in parts[1:]):
        raise StoreError("--buffer says who asks before its first host alone; it counts for all")
    name, password = parts[0].username, parts[0].password
    if name is None:
        return Servers(addresses)
    if password is None:
        return Servers(addresses, token=unquote(name))
    return Servers(addresses, unquote(name), unquote(password))


class NewBuffer(NamedTuple):
    """What a buffer is made like: how many nodes keep each message, and how many bytes it holds."""

    replicas: int
    max_bytes: int


async def open_buffer(servers: Servers, make: NewBuffer | None) -> Buffer:
    """The buffer at some servers; where it is not there it is made, or NotFound without `make`.

    BufferUnavailable where it cannot be reached, StoreError where it cannot be what it must be.
    """
    try:
        from intentlive.buffers.jetstream import open_jetstream  # noqa: PLC0415 - a driver is imported only where it is used
    except ModuleNotFoundError as error:
        raise StoreError("--buffer needs an extra: pip install 'intentlive[nats]'") from error
    return await open_jetstream(servers, make)


def _address(part: SplitResult) -> str:
    host = part.hostname
    if part.scheme not in SCHEMES or not host:
        raise ValueError(part.scheme)
    return f"{part.scheme}://{f'[{host}]' if ':' in host else host}:{part.port or 4222}"
