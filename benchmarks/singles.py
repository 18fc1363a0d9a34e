"""Writing: one event a request, each durable before it is answered; beside static bytes."""

import secrets
import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack, closing

import figures
import load
import processes
import setting
from large_store import bot_id
from plan import Plan, ours
from reading import STATIC, static_bytes
from results import Measured, Pace, Result, skipped

FIGURES = (figures.SINGLES_TO_STATIC,)
_CONNECTIONS = 64
_ONE, _MANY = "single events, one bot", "single events, bots in turn"
_STORED = """
    SELECT count(*) FROM sessions
    WHERE bot_id = ?1 AND session_id > ?2 || '-' AND session_id < ?2 || '.'
    """


def measure(plan: Plan) -> Measured:
    """Requests a second of both, turn by turn."""
    if not load.has("wrk"):
        return skipped(load.NO_WRK, FIGURES)
    result = Result(f"Single events: requests a second, {_CONNECTIONS} connections", of=STATIC)
    some = min(_CONNECTIONS, plan.amount.size.bots)
    with ExitStack() as running:
        server = running.enter_context(plan.serve())
        static = static_bytes(plan.folder, load.latest(ours(server, 0)), running)
        for number in range(plan.amount.rounds + 1):
            seconds = plan.amount.seconds if number else 1  # first, all warm up
            paces = {
                STATIC: load.most(static, seconds, _CONNECTIONS).pace,
                _ONE: _pace(plan, server, range(1), seconds),
                _MANY: _pace(plan, server, range(some), seconds),
            }
            for name, pace in paces.items():
                if number:
                    result.add(name, pace)
    reached = {figures.SINGLES_TO_STATIC: result.reached(_ONE, STATIC)}
    return Measured({"single events": result}, reached)


def _pace(plan: Plan, server: processes.Server, numbers: Sequence[int], seconds: int) -> Pace:
    """How fast events for some bots in turn are acknowledged; each is in the store then."""
    bots, run = list(map(bot_id, numbers)), secrets.token_hex(6)
    paths = plan.folder / "paths-of-events"
    paths.write_text("".join(f"{setting.path_of(bot, 'events')}\n" for bot in bots))
    script = "single_events.lua", paths, run
    answered = load.most(ours(server, 0), seconds, _CONNECTIONS, script)
    with closing(sqlite3.connect(plan.store / "intentlive.db")) as connection:
        stored = sum(connection.execute(_STORED, (bot, run)).fetchone()[0] for bot in bots)
    if stored < answered.requests:
        raise processes.Failed(f"{answered.requests} events were acknowledged, {stored} are stored")
    return answered.pace
