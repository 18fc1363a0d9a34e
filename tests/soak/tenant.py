"""What the clients tell, and what must be in the answers then."""

import gzip
import threading
import time
from heapq import nlargest
from random import Random
from typing import TypeAlias

from intentlive.core.ids import session_id
from intentlive.core.times import format_instant
from tests.chaos.load import is_a_list
from tests.e2e.calling import Answer
from tests.e2e.wire import Event, event, zstd

IDLE_SECONDS = 30
SLACK_MS = 2_000  # so late may be shown what ended by itself
OPENED = {"identity": bytes, "gzip": gzip.decompress, "zstd": zstd.decompress}

Ends: TypeAlias = dict[str, int]


class Bot:
    """A bot, and the ends (ms) of those of its sessions that are, or will be, its latest."""

    def __init__(self, bot_id: str) -> None:
        self.bot_id = bot_id
        self._lock = threading.Lock()
        self._ends: Ends = {}

    def add(self, ends: Ends) -> None:
        with self._lock:
            self._ends |= ends

    def latest(self) -> Ends:
        """Those that must be shown by now, unless there are 25 newer ones."""
        over = now_ms() - SLACK_MS
        with self._lock:
            ended = [id_ for id_, end in self._ends.items() if end <= over]
            latest = nlargest(25, ended, key=self._ends.__getitem__)
            for id_ in set(ended) - set(latest):
                del self._ends[id_]
            return {id_: self._ends[id_] for id_ in latest}


def conversation(chance: Random) -> tuple[list[Event], int]:
    """The events of a session that began a moment ago, and when it ends (ms)."""
    session, at = session_id(chance.randbytes(12)), now_ms() - chance.randrange(20_000, 60_000)
    is_finished = chance.random() < 0.7
    kinds = ["session.started", "message.received", "message.sent"]
    events = []
    for kind in kinds + ["flow.completed"] * is_finished:
        at += chance.randrange(1, 4_000)
        events.append(event(kind, session, format_instant(at), channel="rtm"))
    return events, at if is_finished else at + IDLE_SECONDS * 1000


def check(answer: Answer, wanted: Ends) -> None:
    """See that an answer is a list, and has all that must be in it."""
    assert answer.status == 200, answer
    opened = OPENED[answer.headers.get("content-encoding", "identity")]
    records = answer._replace(body=opened(answer.body)).json
    assert is_a_list(records), records
    shown = {record["sessionId"] for record in records}
    oldest = records[-1]["endTime"] if len(records) == 25 else ""
    missing = [id_ for id_, end in wanted.items() if format_instant(end) > oldest]
    assert shown.issuperset(missing), (set(missing) - shown, records)


def now_ms() -> int:
    return time.time_ns() // 1_000_000
