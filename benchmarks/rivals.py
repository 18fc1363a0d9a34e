"""What people would use instead: three programs that can be asked for a bot's latest sessions.

Each runs in an environment of its own (`environments.py`), fills a store of its own in a folder,
and serves it when its command gets a `--port`. None of them sends anything anywhere.
"""

import json
import sqlite3
import subprocess
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import finished
import msgspec
import otlp
import phoenix_store
import setting
from environments import python_of
from finished import Finished
from processes import HERE

from intentlive.core import ids

_SECRET = "straightforward" * 3


class Question(NamedTuple):
    """A GET."""

    path: str
    headers: dict[str, str]


class Sending(NamedTuple):
    """A POST of a batch of CloudEvents, and whether they are durable when it is answered."""

    path: str
    headers: dict[str, str]
    content_type: str
    body: Callable[[list[dict[str, Any]]], bytes]
    durable: bool


class Rival(Protocol):
    """A program to be measured beside IntentLive; bots are named by their ids."""

    name: str

    def prepare(self, folder: Path, bots: Sequence[str], sessions_a_bot: int) -> None:
        """Fill a store in an empty folder; Unavailable if the program cannot be had."""

    def command(self, folder: Path) -> list[str]:
        """What serves it, but for a `--port N` at the end."""

    def question(self, bot: str) -> Question:
        """What asks for a bot's latest 25."""

    def sending(self) -> Sending | None:
        """How events are sent for the benchmark's own bot; None if none are taken."""


class Straightforward:
    """FastAPI, SQLAlchemy, PyJWT and SQLite, as one would first write it."""

    name = "the straightforward way"

    def prepare(self, folder: Path, bots: Sequence[str], sessions_a_bot: int) -> None:
        """The benchmark's own bot is there as well, if need be without sessions."""
        tables = HERE / "baseline" / "tables.py"
        subprocess.run([python_of("baseline"), tables, folder], check=True)
        database = folder / "baseline.db"
        with closing(sqlite3.connect(database)) as connection, connection:
            scopes = json.dumps(["SmartAssist Analytics", "Session Events"])
            app = (ids.client_id(b"benchmark"), setting.ACCOUNT_ID, _SECRET, scopes)
            connection.execute("INSERT INTO apps VALUES (?, ?, ?, ?)", app)
            own = [(bot, setting.ACCOUNT_ID) for bot in {setting.BOT_ID, *bots}]
            connection.executemany("INSERT INTO bots VALUES (?, ?)", own)
        rows = [_stored(each) for each in finished.sessions(sessions_a_bot)]
        finished.fill(database, bots, rows)

    def command(self, folder: Path) -> list[str]:
        return [str(python_of("baseline")), str(HERE / "baseline" / "app.py"), str(folder)]

    def question(self, bot: str) -> Question:
        return Question(f"/api/public/bot/{bot}/intentrealtimedata", self._headers())

    def sending(self) -> Sending:
        path = f"/api/public/bot/{setting.BOT_ID}/events"
        return Sending(path, self._headers(), "application/x-ndjson", _lines, durable=True)

    def _headers(self) -> dict[str, str]:
        return {"auth": setting.token("benchmark", _SECRET), "accountId": setting.ACCOUNT_ID}


class Datasette:
    """A table of records as they are shown, and one query; no tokens, and no events in."""

    name = "Datasette"
    _TABLE = """
        CREATE TABLE sessions (
            bot_id TEXT, sessionId TEXT, intent TEXT, ANI TEXT, DNI TEXT, channel TEXT,
            startTime TEXT, endTime TEXT, status TEXT, timeHandled TEXT, deflectedTo TEXT,
            userId TEXT, PRIMARY KEY (bot_id, sessionId));
        CREATE INDEX sessions_by_end ON sessions (bot_id, endTime, sessionId);
        """
    _QUERY = """
        SELECT intent, ANI, DNI, channel, startTime, endTime, status, timeHandled, deflectedTo,
            userId, sessionId
        FROM sessions
        WHERE bot_id = :bot AND endTime <= strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')
        ORDER BY endTime DESC, sessionId DESC LIMIT 25
        """

    def prepare(self, folder: Path, bots: Sequence[str], sessions_a_bot: int) -> None:
        python_of("datasette")
        database = folder / "sessions.db"
        with closing(sqlite3.connect(database)) as connection:
            connection.executescript(self._TABLE)
        rows = [_printed(each) for each in finished.sessions(sessions_a_bot)]
        finished.fill(database, bots, rows)
        latest = {"queries": {"latest": {"sql": self._QUERY}}}
        (folder / "metadata.json").write_text(json.dumps({"databases": {"sessions": latest}}))

    def command(self, folder: Path) -> list[str]:
        files = [str(folder / "sessions.db"), "--metadata", str(folder / "metadata.json")]
        faster = ["--setting", "num_sql_threads", "0"]  # it asks in the event loop, not in threads
        return [str(python_of("datasette")), "-m", "datasette", "serve", *files, *faster]

    def question(self, bot: str) -> Question:
        return Question(f"/sessions/latest.json?bot={bot}&_shape=array&_json=intent", {})

    def sending(self) -> None:
        return None


class Phoenix:
    """Arize Phoenix: its sessions are spans that share an id, with neither intents nor status."""

    name = "Arize Phoenix"
    _PROJECT = "benchmark"

    def prepare(self, folder: Path, bots: Sequence[str], sessions_a_bot: int) -> None:  # noqa: ARG002 - they come through its own door, a few hundred spans a second
        """One project of some thousand spans, however many bots and sessions are asked for."""
        phoenix_store.fill(self.command(folder), folder, self._PROJECT)

    def command(self, folder: Path) -> list[str]:
        return [str(python_of("phoenix")), str(HERE / "phoenix" / "serve.py"), str(folder)]

    def question(self, bot: str) -> Question:  # noqa: ARG002 - there is one project
        return Question(f"/v1/projects/{self._PROJECT}/sessions?limit=25&order=desc", {})

    def sending(self) -> Sending:
        """They are queued when it is answered, and stored some time later."""

        def body(events: list[dict[str, Any]]) -> bytes:
            return otlp.spans(events, self._PROJECT)

        return Sending("/v1/traces", {}, "application/x-protobuf", body, durable=False)


STRAIGHTFORWARD, DATASETTE, PHOENIX = Straightforward(), Datasette(), Phoenix()


def _stored(one: Finished) -> dict[str, object]:
    """A row of the straightforward way."""
    return {
        "session_id": one.record.sessionId,
        "intents": json.dumps(one.record.intent),
        "ani": one.record.ANI,
        "dni": one.record.DNI,
        "channel": one.record.channel,
        "user_id": one.record.userId,
        "deflected_to": one.record.deflectedTo,
        "started": one.started,
        "handled_until": one.handled_until,
        "last_activity": one.handled_until,
        "end_time": one.ended,
        "over": True,
        "completed": one.record.status == "completed",
    }


def _printed(one: Finished) -> dict[str, object]:
    """A row of Datasette's table."""
    columns = msgspec.structs.asdict(one.record) | {"intent": json.dumps(one.record.intent)}
    return {"sessionId": columns.pop("sessionId"), **columns}


def _lines(events: list[dict[str, Any]]) -> bytes:
    return msgspec.json.Encoder().encode_lines(events)
