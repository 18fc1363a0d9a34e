"""The buffer as a stream of NATS JetStream: replicated, on disk, and full rather than forgetful.

An answer may be lost on its way, never what was answered; so whatever is not known is asked again.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext, api
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError

from intentlive.buffers import Buffer, BufferStatus, Delivery, NewBuffer, Servers
from intentlive.buffers.mends import NO_USE_WAITING, with_mend
from intentlive.buffers.messages import MAX_BYTES, NOTHING, decode_batch, encode_batch
from intentlive.core.errors import BufferUnavailable, NotFound, StoreError
from intentlive.core.session import Batch
from intentlive.sharing import Shared

STREAM = "INTENTLIVE"
_SUBJECT = "intentlive.states"
_APPLIERS = "appliers"

_PATIENCE = 10.0  # seconds; where a leader was lost, the next is elected within 4 to 9
_ATTEMPT = 2.0  # seconds for one answer
_PAUSE = 0.2
_CONNECT_SECONDS = 5.0
_PING_SECONDS = 2  # a node that stands still is left soon
_UNDER_WAY = 16  # messages at one time
_PULL_SECONDS = 1.0
_ACK_SECONDS = 15.0
_DEDUPE_SECONDS = 30.0
_MAX_UNACKNOWLEDGED = 10_000  # those that nobody can read must not hold up the others
_LEAST_PAYLOAD = MAX_BYTES + 1024  # with what NATS adds

_MUST_BE = {
    "subjects": [_SUBJECT],
    "retention": api.RetentionPolicy.WORK_QUEUE,
    "storage": api.StorageType.FILE,
    "discard": api.DiscardPolicy.NEW,
    "max_age": 0,
    "max_msgs_per_subject": -1,
    "max_msg_size": -1,
}
_CONFIG = api.StreamConfig(STREAM, duplicate_window=_DEDUPE_SECONDS).evolve(**_MUST_BE)
_FULL = 10077

Answer = TypeVar("Answer")
_log = structlog.get_logger("intentlive.buffer")


async def open_jetstream(servers: Servers, make: NewBuffer | None) -> Buffer:
    """The stream on some servers; used as it is where it is there, else made."""
    stream = _Stream(servers, make)
    try:
        await stream.ask(lambda js: js.stream_info(STREAM))
    except BaseException:
        await stream.close()
        raise
    return JetStreamBuffer(stream)


class JetStreamBuffer:
    """Batches as messages of a stream, with one consumer that all appliers share."""

    def __init__(self, stream: "_Stream") -> None:
        self._stream = stream
        self._turns = asyncio.Semaphore(_UNDER_WAY)
        self._pulls: JetStreamContext.PullSubscription | None = None

    async def merge(self, batch: Batch) -> Mapping[str, int]:
        sending = [asyncio.create_task(self._send(message)) for message in encode_batch(batch)]
        try:
            await asyncio.gather(*sending)
        finally:  # where one fails, the whole batch is sent again
            for each in sending:
                each.cancel()
        return dict.fromkeys(batch, 0)

    async def probe(self) -> None:
        await self._ask(lambda js: js.publish(_SUBJECT, NOTHING, stream=STREAM))

    async def pull(self, limit: int) -> Sequence[Delivery]:
        if self._pulls is None:
            self._pulls = await self._ask(_pulls)
        try:
            return [_Delivered(each) for each in await self._pulls.fetch(limit, _PULL_SECONDS)]
        except TimeoutError:  # nothing came
            return []
        except nats.errors.Error as error:
            self._pulls = None
            raise BufferUnavailable(f"the buffer gives nothing out: {_told(error)}") from error

    async def status(self) -> BufferStatus:
        return await self._ask(_status)

    async def close(self) -> None:
        await self._stream.close()

    async def _send(self, message: bytes) -> None:
        """Have a message stored; once, however often it must be sent until that is known."""
        headers = {api.Header.MSG_ID.value: secrets.token_hex(16)}
        async with self._turns:
            await self._ask(
                lambda js: js.publish(_SUBJECT, message, stream=STREAM, headers=headers)
            )

    async def _ask(self, question: Callable[[JetStreamContext], Awaitable[Answer]]) -> Answer:
        try:
            return await self._stream.ask(question)
        except StoreError as error:  # it was well, and may be again when somebody has mended it
            raise BufferUnavailable(str(error)) from error


class _Delivered:
    def __init__(self, message: Msg) -> None:
        self._message = message

    @property
    def name(self) -> str:
        return f"{STREAM} {self._message.metadata.sequence.stream}"

    def read(self) -> Batch:
        return decode_batch(self._message.data)

    async def done(self) -> None:
        with suppress(nats.errors.Error):
            await self._message.ack()

    async def put_back(self, seconds: float) -> None:
        with suppress(nats.errors.Error):
            await self._message.nak(seconds)


class _Stream:
    """The stream, over a connection that is made again as often as it takes."""

    def __init__(self, servers: Servers, make: NewBuffer | None) -> None:
        self._servers = servers
        self._make = make
        self._client: Client | None = None
        self._js: JetStreamContext | None = None
        self._is_leaving = False
        self._preparing: Shared[JetStreamContext] = Shared()

    async def ask(self, question: Callable[[JetStreamContext], Awaitable[Answer]]) -> Answer:
        """Ask until there is an answer; BufferUnavailable when the patience is over."""
        reason = "no answer"
        try:
            async with asyncio.timeout(_PATIENCE):
                while True:
                    try:
                        return await question(await self._stream())
                    except (nats.errors.Error, OSError) as error:
                        self._consider(error)
                        reason = _told(error)
                    await asyncio.sleep(_PAUSE)
        except TimeoutError as error:
            raise BufferUnavailable(f"the buffer does not answer: {reason}") from error

    async def close(self) -> None:
        """Send what waits to be sent, and leave."""
        self._is_leaving = True
        if self._client is not None:
            await self._client.close()

    def _consider(self, error: Exception) -> None:
        """Raise what waiting does not mend; look for the stream again where it may be gone."""
        if isinstance(error, NotFoundError | NoStreamResponseError):
            self._js = None
        if isinstance(error, APIError):
            if error.err_code == _FULL and "maximum" in str(error.description):
                raise BufferUnavailable(f"buffer full: {error.description}") from error
            if error.err_code in NO_USE_WAITING:
                raise StoreError(_told(error)) from error

    async def _stream(self) -> JetStreamContext:
        if self._js is None or self._client is None or self._client.is_closed:
            return await self._preparing.ask(None, self._prepare)
        return self._js

    async def _prepare(self) -> JetStreamContext:
        """Connect, and make the stream where there is none."""
        if self._client is None or self._client.is_closed:
            self._client = await self._connected()
        if self._client.max_payload < _LEAST_PAYLOAD:
            raise StoreError("NATS takes too small messages: let its max_payload be 1MB, as usual")
        js = self._client.jetstream(timeout=_ATTEMPT)
        try:
            found = await js.stream_info(STREAM)
        except NotFoundError:
            if self._make is None:
                raise NotFound("there is no buffer there yet: serve and apply make it") from None
            num_replicas, max_bytes = self._make
            found = await js.add_stream(_CONFIG, num_replicas=num_replicas, max_bytes=max_bytes)
        _check(found, self._make)
        self._js = js
        return js

    async def _connected(self) -> Client:
        client, servers = Client(), self._servers
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await client.connect(
                    list(servers.addresses),
                    name="intentlive",
                    user=servers.user,
                    password=servers.password,
                    token=servers.token,
                    error_cb=self._note_error,
                    disconnected_cb=self._note_loss,
                    reconnected_cb=self._note_return,
                    max_reconnect_attempts=-1,  # for ever
                    ping_interval=_PING_SECONDS,
                )
        except TimeoutError as error:
            reason = client.last_error
            await client.close()
            raise nats.errors.Error(f"no connection: {reason}") from error
        return client

    async def _note_error(self, error: Exception) -> None:
        if self._client is not None and self._client.is_connected:
            _log.warning("buffer connection", error=str(error))

    async def _note_loss(self) -> None:
        if self._client is not None and not self._is_leaving:
            _log.warning("buffer lost", servers=self._servers.shown())

    async def _note_return(self) -> None:
        _log.info("buffer found again", servers=self._servers.shown())


def _check(found: api.StreamInfo, asked: NewBuffer | None) -> None:
    """See that a stream takes what it is given, and forgets nothing; StoreError."""
    config = found.config
    for name, right in _MUST_BE.items():
        if getattr(config, name) != right:
            raise StoreError(
                f"the stream {STREAM} has another {name} than it must have: when it is empty, "
                f"remove it (nats stream rm {STREAM}), and it is made anew"
            )
    is_ = NewBuffer(config.num_replicas or 1, config.max_bytes or 0)
    if asked is not None and asked != is_:
        mend = f"nats stream edit {STREAM}"
        _log.warning("buffer made otherwise", asked=asked._asdict(), **is_._asdict(), mend=mend)


async def _pulls(js: JetStreamContext) -> JetStreamContext.PullSubscription:
    config = api.ConsumerConfig(
        durable_name=_APPLIERS,
        filter_subject=_SUBJECT,
        ack_policy=api.AckPolicy.EXPLICIT,
        ack_wait=_ACK_SECONDS,
        max_deliver=-1,  # as often as it takes
        max_ack_pending=_MAX_UNACKNOWLEDGED,
    )
    await js.add_consumer(STREAM, config)  # one that is there is changed to this
    return await js.pull_subscribe_bind(_APPLIERS, STREAM)


async def _status(js: JetStreamContext) -> BufferStatus:
    stream = await js.stream_info(STREAM)
    oldest: int | None = None
    appliers: api.ConsumerInfo | None = None
    if stream.state.messages:
        with suppress(NotFoundError):  # an applier was quicker
            first = await js.get_msg(STREAM, seq=stream.state.first_seq)
            oldest = int(first.time.timestamp() * 1000) if first.time else None
    with suppress(NotFoundError):  # nobody has pulled yet
        appliers = await js.consumer_info(STREAM, _APPLIERS)
    cluster = stream.cluster
    others = (cluster and cluster.replicas) or []
    return BufferStatus(
        messages=stream.state.messages,
        bytes=stream.state.bytes,
        max_bytes=stream.config.max_bytes or 0,
        oldest=oldest,
        unacknowledged=(appliers and appliers.num_ack_pending) or 0,
        redelivered=(appliers and appliers.num_redelivered) or 0,
        waiting_pulls=(appliers and appliers.num_waiting) or 0,
        replicas=stream.config.num_replicas or 1,
        leader=cluster.leader if cluster else None,
        current=[str(each.name) for each in others if each.current],
        behind=[str(each.name) for each in others if not each.current],
    )


def _told(error: Exception) -> str:
    """What an error says, and what to do about it."""
    if not isinstance(error, APIError):
        return str(error)
    return with_mend(error.description or type(error).__name__, error.err_code)
