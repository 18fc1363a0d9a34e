"""`intentlive latest`, `import` and `simulate`: sessions in and out without HTTP."""

import gzip
import random
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated, BinaryIO, cast

import msgspec
from cyclopts import Parameter
from cyclopts.types import ExistingFile, PositiveFloat

from intentlive.cli.output import AsJson, complain, progress, show, show_all
from intentlive.cli.stores import must_exist, opened
from intentlive.clock import wall_clock
from intentlive.core.errors import IntentLiveError, NotFound, UnreadableBody
from intentlive.core.events import SessionEvent
from intentlive.core.record import record
from intentlive.core.session import fold
from intentlive.ingest.cloudevents import NDJSON, parse_events
from intentlive.latest import LATEST
from intentlive.settings import StoreSettings
from intentlive.simulation.player import play
from intentlive.simulation.traffic import traffic

_LINES_AT_ONCE = 5_000
_REJECTED_SHOWN = 20

BotOption = Annotated[str, Parameter(help="The bot's id.")]


async def latest(
    *, bot: BotOption, json: AsJson = False, at: StoreSettings = StoreSettings()
) -> None:
    """Show the latest 25 sessions of a bot that finished their flow."""
    async with opened(at) as store:
        found = must_exist(await store.latest(bot, await store.time(), LATEST), "bot", bot)
    records = [record(id_, state, found.rules, found.disguise) for id_, state in found.sessions]
    items = cast(list[dict[str, object]], msgspec.to_builtins(records))
    show_all(items, as_json=json, none="No session has finished yet.")


async def import_(
    file: ExistingFile,
    /,
    *,
    bot: BotOption,
    json: AsJson = False,
    at: StoreSettings = StoreSettings(),
) -> None:
    """Take in a file of events, one JSON object a line; gzip is opened.

    Stopped half-way, start it again: what came in before changes nothing. Exit code 1 if events
    were rejected; the rest is taken all the same.

    Parameters
    ----------
    file: Path
        The file (NDJSON, as the events interface takes it).
    """
    accepted, rejected = 0, 0
    async with opened(at) as store:
        found = must_exist(await store.bot(bot), "bot", bot)
        now = await store.time()
        with _lines_at_once(file) as batches:
            for numbers, lines in batches:
                events, flaws = _parse(numbers, lines, now, found.oldest_kept(now))
                if bot not in await store.merge({bot: fold(events)}):
                    raise NotFound(f"bot {bot} was deleted while the file was being read")
                for flaw in flaws[: max(0, _REJECTED_SHOWN - rejected)]:
                    complain(flaw)
                accepted += len(events)
                rejected += len(flaws)
    if rejected > _REJECTED_SHOWN:
        complain(f"{rejected - _REJECTED_SHOWN} more events were rejected")
    show({"accepted": accepted, "rejected": rejected}, as_json=json)
    if rejected:
        raise SystemExit(1)


async def simulate(
    *,
    bot: BotOption,
    rate: Annotated[PositiveFloat, Parameter(help="Sessions a minute, as the mean of a day.")],
    at: StoreSettings = StoreSettings(),
) -> None:
    """Send realistic traffic of voice and chat into a bot, live, until Ctrl-C.

    Arrivals follow the hours of a real contact centre's day (UTC).
    """
    async with opened(at) as store:
        must_exist(await store.bot(bot), "bot", bot)
        complain(
            f"simulating {rate:g} sessions a minute for {bot}; the first sessions end in "
            "about half a minute; stop with Ctrl-C"
        )
        rng = random.Random()  # noqa: S311 - traffic, not secrets
        events = traffic(rng, wall_clock(), rate, by_hour=True)
        await play(events, lambda states: store.merge({bot: states}), wall_clock)


def _parse(
    numbers: list[int], lines: list[bytes], now: int, oldest: int | None
) -> tuple[list[SessionEvent], list[str]]:
    """The events of some lines, and what is wrong with the others, by line number."""
    try:
        parsed = parse_events(NDJSON, b"".join(lines), now, oldest)
    except UnreadableBody as error:
        if len(lines) == 1:
            return [], [f"line {numbers[0]}: {str(error).removeprefix('line 1 ')}"]
        events: list[SessionEvent] = []
        flaws: list[str] = []
        for number, line in zip(numbers, lines, strict=True):
            some_events, some_flaws = _parse([number], [line], now, oldest)
            events += some_events
            flaws += some_flaws
        return events, flaws
    flaws = [
        f"line {numbers[rejection.index]}: {flaw.msg}"
        for rejection in parsed.rejected
        for flaw in rejection.errors
    ]
    return list(parsed.events), flaws


@contextmanager
def _lines_at_once(file: Path) -> Iterator[Iterator[tuple[list[int], list[bytes]]]]:
    """The lines of a file that hold anything, some thousand at once with their numbers."""
    with file.open("rb") as start:
        is_gzip = start.read(2) == b"\x1f\x8b"
    with progress() as bar, bar.open(file, "rb", description=file.name) as raw:
        lines = gzip.GzipFile(fileobj=raw) if is_gzip else raw
        yield _batched(cast(BinaryIO, lines))


def _batched(lines: BinaryIO) -> Iterator[tuple[list[int], list[bytes]]]:
    numbered = ((number, line) for number, line in enumerate(lines, start=1) if line.strip())
    try:
        while some := list(islice(numbered, _LINES_AT_ONCE)):
            numbers, texts = zip(*some, strict=True)
            yield list(numbers), list(texts)
    except (EOFError, OSError, zlib.error) as error:
        taken = "what was read before is taken; import the whole file when you have it"
        raise IntentLiveError(f"the file cannot be read to its end: {error}; {taken}") from error
