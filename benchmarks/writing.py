"""Writing: batches of events over HTTP, durable; beside what their parts allow, and rivals."""

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import figures
import load
import processes
import setting
from large_store import bot_id
from plan import Plan, Ready, ours
from results import Measured, Pace, Result
from setting import Batch

FIGURES = (figures.BATCHES_TO_LIMIT,)
HTTP, LIMIT = "over HTTP, durable", "decode, fold, hand-written upsert"
_FOR_RIVALS, _FOR_A_QUEUE = 20, 2  # batches
_PATIENCE_SECONDS = 60
_REST_SECONDS = 0.5


def measure(plan: Plan) -> Measured:
    """Events a second of all candidates, turn by turn; each round writes into bots of its own."""
    batches = setting.make_traffic(plan.amount.events)
    events = plan.folder / "events"
    setting.write_bodies(events, map(setting.encode, batches))
    result = Result("Writing: events a second, batches of 1,000", of=LIMIT)
    last = plan.amount.size.bots - 1  # nobody else wrote into the last ones
    for number in range(plan.amount.rounds):
        by_http, by_hand, by_store = (bot_id(last - 3 * number - each) for each in range(3))
        with plan.serve() as server:
            load.get(ours(server, 0))  # it has started, not only begun to listen
            result.add(HTTP, over_http(server, by_http, events))
        for name, pace in _limits(plan.store, events, by_hand, by_store).items():
            result.add(name, pace)
        for ready in plan.rivals:
            _add_rival(result, ready, plan, batches[:_FOR_RIVALS], number)
    subjects = [len({event["subject"] for event in batch}) for batch in batches]
    result.facts["sessions a batch"] = round(sum(subjects) / len(batches))
    result.facts["bytes an event"] = round(_size(events) / plan.amount.events)
    return Measured({"writing": result}, {figures.BATCHES_TO_LIMIT: result.reached(HTTP, LIMIT)})


def over_http(server: processes.Server, bot: str, events: Path) -> Pace:
    """How fast a server takes in the batches of a folder, for one bot."""
    headers = {"content-type": "application/x-ndjson", **setting.headers()}
    return _sent(server, setting.path_of(bot, "events"), headers, events)


def _add_rival(
    result: Result, ready: Ready, plan: Plan, batches: Sequence[Batch], number: int
) -> None:
    """Measure one that takes events; in every round they are of sessions that are new to it."""
    sending = ready.rival.sending()
    if sending is None:
        return
    name = ready.rival.name
    if not sending.durable:
        name, batches = f"{name}, until at rest", batches[:_FOR_A_QUEUE]
    renamed = (
        [{**event, "subject": f"{number:02x}{event['subject'][2:]}"} for event in batch]
        for batch in batches
    )
    bodies = plan.folder / "events-of-a-rival"
    setting.write_bodies(bodies, map(sending.body, renamed))
    headers = {"content-type": sending.content_type, **sending.headers}
    with ready.serve() as server:
        load.get(ready.ask(server, 0))
        given = server, sending.path, headers, bodies, plan.amount.seconds
        result.add(name, _sent(*given, is_queued=not sending.durable))
    shutil.rmtree(bodies)


def _sent(  # noqa: PLR0913 - what is sent where, and what for
    server: processes.Server,
    path: str,
    headers: Mapping[str, str],
    bodies: Path,
    seconds: float = _PATIENCE_SECONDS,
    *,
    is_queued: bool = False,
) -> Pace:
    """How fast it takes in the batches of a folder, or those that it takes in so many seconds.

    One that only queues them has taken them in when it has nothing more to do.
    """
    before = server.cpu_seconds()
    given = server.address + path, bodies, json.dumps(headers), seconds
    printed = processes.run_here("sender.py", *given, core=processes.LOAD_CORE)
    batches, took = json.loads(printed)
    if is_queued:
        took += _seconds_until_at_rest(server)
    count = batches * setting.EVENTS_A_BATCH
    return Pace(count / took, count / (server.cpu_seconds() - before))


def _seconds_until_at_rest(server: processes.Server) -> float:
    began = time.perf_counter()
    while (since := time.perf_counter() - began) < _PATIENCE_SECONDS:
        before = server.cpu_seconds()
        time.sleep(_REST_SECONDS)
        if server.cpu_seconds() - before < _REST_SECONDS / 10:
            return since
    raise processes.Failed("what was queued was not worked off")


def _limits(store: Path, events: Path, by_hand: str, by_store: str) -> dict[str, Pace]:
    given = store, events, by_hand, by_store
    printed = processes.run_here("limits.py", *given, core=processes.SERVER_CORE)
    return {name: Pace(*paces) for name, paces in json.loads(printed).items()}


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())
