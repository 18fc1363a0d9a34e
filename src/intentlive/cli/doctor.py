"""`intentlive doctor`: looks at settings, store, server, clocks and sources."""

import os
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import asdict
from prometheus_client.parser import text_string_to_metric_families

from intentlive.api.events import LATE_SECONDS
from intentlive.cli.buffer import opened_buffer
from intentlive.cli.output import AsJson, show_all
from intentlive.cli.stores import opened
from intentlive.core.errors import SecretsLocked, StoreError, StoreTooNew, StoreTooOld
from intentlive.settings import BufferPlace, ServerSettings, StoreSettings
from intentlive.stores import file_of, shown

_LOW_DISK_BYTES = 1 << 30
_CLOCK_SECONDS = 5.0
_NODES = "start the nodes that are behind, and wait until they have caught up"
_SECONDS = 5.0

Verdict: TypeAlias = Literal["good", "note", "bad"]


class Finding(Struct):
    """What was looked at and found; `mend` says what to do, if anything."""

    what: str
    verdict: Verdict
    found: str
    mend: str | None = None


async def doctor(
    *,
    host: str | None = None,
    port: int | None = None,
    json: AsJson = False,
    through: BufferPlace = BufferPlace(),
    at: StoreSettings = StoreSettings(),
) -> None:
    """Say what is wrong and how to mend it; exit code 1 if anything is bad.

    Parameters
    ----------
    host: str
        Where the server should answer: 127.0.0.1, unless you say otherwise.
    port: int
        On which port: 8025, unless you say otherwise.
    """
    findings = [*_environment(), *_disk(at)]
    findings += [finding async for finding in _store(at)]
    findings += [finding async for finding in _buffer(through)]
    findings += _server(host, port)
    show_all([asdict(finding) for finding in findings], as_json=json, none="")
    if any(finding.verdict == "bad" for finding in findings):
        raise SystemExit(1)


def _environment() -> Iterator[Finding]:
    from intentlive.cli import PREFIX, environment_names  # noqa: PLC0415 - all commands, this one too

    for name in sorted(set(os.environ) - environment_names()):
        if name.startswith(PREFIX):
            mend = "correct its name, or unset it"
            yield Finding("settings", "note", f"no command has an option for {name}", mend)


def _disk(at: StoreSettings) -> Iterator[Finding]:
    if file_of(at.store, at.data_dir) is None:
        return
    folder = at.data_dir
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    found = f"{free / (1 << 30):.1f} GiB free at {folder}"
    if free < _LOW_DISK_BYTES:
        yield Finding("disk", "bad", found, "free some space: a full disk stops the intake")
    else:
        yield Finding("disk", "good", found)
    if not os.access(folder, os.W_OK):
        yield Finding("disk", "bad", f"{folder} cannot be written", "give this user the right to")


async def _store(at: StoreSettings) -> AsyncIterator[Finding]:
    is_shared = file_of(at.store, at.data_dir) is None
    try:
        async with opened(at) as store:
            await store.probe()
            bots, apps = await store.bots(), await store.apps()
            its_time, schema = await store.time(), store.schema.now
    except SecretsLocked as error:
        yield Finding("secrets", "bad", str(error), "without the key no command opens the store")
        return
    except StoreTooOld as error:
        yield Finding("store", "bad", str(error), "intentlive store migrate, while servers go on")
        return
    except StoreTooNew as error:
        yield Finding("store", "bad", str(error), "update IntentLive on this machine")
        return
    except StoreError as error:
        mend = "see that --store and --data-dir are the server's, and that the file can be written"
        if is_shared:
            mend = "see that --store is the server's, and that the database runs and can be reached"
        yield Finding("store", "bad", str(error), mend)
        return
    place = shown(at.store) if is_shared else f"{at.store} in {at.data_dir}"
    yield Finding("store", "good", f"{place} takes writes; its tables have schema {schema}")
    if is_shared:
        yield _clock("the store", its_time / 1000)
    found = f"{len(bots)} bots, {len(apps)} apps"
    if bots and apps:
        yield Finding("registry", "good", found)
    else:
        mend = "intentlive account create, then bot create, then app create"
        yield Finding("registry", "note", found, mend)


async def _buffer(through: BufferPlace) -> AsyncIterator[Finding]:
    if through.buffer is None:
        return
    try:
        async with opened_buffer(through) as buffer:
            found = await buffer.status()
    except StoreError as error:
        mend = "see that --buffer is the server's, and that most of its nodes run"
        yield Finding("buffer", "bad", str(error), mend)
        return
    held = f"{found.messages} messages wait, {found.bytes / max(1, found.max_bytes):.0%} full"
    if found.behind:
        yield Finding("buffer", "note", f"{held}; behind: {', '.join(found.behind)}", _NODES)
    elif found.messages and not found.waiting_pulls:
        yield Finding("buffer", "note", f"{held}; nobody takes them", "run intentlive apply")
    else:
        yield Finding("buffer", "good", held)


def _server(host: str | None, port: int | None) -> Iterator[Finding]:
    usual = ServerSettings()
    url = _address(host or usual.host, port or usual.port)
    try:
        date, ready = _ask(f"{url}/readyz")
        _, metrics = _ask(f"{url}/metrics")
        sources = list(_sources(metrics))
    except urllib.error.HTTPError as error:
        found = f"{url} is not ready: {error.read().decode(errors='replace').strip()}"
        yield Finding("server", "bad", found, "see the finding on the store, and the server's log")
    except (OSError, ValueError, HTTPException) as error:
        hangs = isinstance(getattr(error, "reason", error), TimeoutError)
        mend = "start it with intentlive serve, or name its --host and --port"
        is_elsewhere = host is None and port is None  # perhaps: nobody said where to look
        verdict: Verdict = "note" if is_elsewhere and not hangs else "bad"
        if hangs:
            mend = "it is there and says nothing: see its log, and the findings above"
        yield Finding("server", verdict, f"no server answers at {url} ({error})", mend)
    else:
        yield Finding("server", "good", f"{url} says: {ready.strip()}")
        yield _clock("server", parsedate_to_datetime(date).timestamp())
        yield from sources


def _address(host: str, port: int) -> str:
    """Where a server answers: over TLS if it does not without."""
    plain, tls = f"http://{host}:{port}", f"https://{host}:{port}"
    try:
        _ask(f"{plain}/healthz")
    except (OSError, HTTPException):
        with suppress(OSError, HTTPException):
            _ask(f"{tls}/healthz")
            return tls
    return plain


def _ask(url: str) -> tuple[str, str]:
    """The date and the text of an answer."""
    trusting = ssl.create_default_context()  # nothing secret is sent or believed
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with urllib.request.urlopen(url, timeout=_SECONDS, context=trusting) as answer:  # noqa: S310 - the operator's own address
        return answer.headers["date"], answer.read().decode()


def _clock(whose: str, its_seconds: float) -> Finding:
    apart = abs(its_seconds - time.time())
    if apart > _CLOCK_SECONDS:
        found = f"{whose} and this machine are {apart:.0f} s apart"
        return Finding("clock", "bad", found, "synchronise the clocks of both machines (NTP)")
    return Finding("clock", "good", f"{whose} and this machine agree to a few seconds")


def _sources(metrics: str) -> Iterator[Finding]:
    for family in text_string_to_metric_families(metrics):
        if family.name == "intentlive_source_lag_seconds":
            for sample in family.samples:
                found = f"{sample.labels['source']}: latest events came {sample.value:.0f} s late"
                if sample.value > LATE_SECONDS:
                    mend = "if they are live, set its clock: its sessions close too early"
                    yield Finding("source", "note", found, mend)
                else:
                    yield Finding("source", "good", found)
