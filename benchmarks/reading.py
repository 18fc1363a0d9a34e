"""Reading: the latest 25, warm, with everything switched on; beside its limits, and its rivals."""

import asyncio
import sys
import time
from contextlib import ExitStack
from itertools import islice, takewhile
from pathlib import Path
from random import Random

import figures
import load
import nginx
import processes
import rivals
import setting
from figures import Reached
from large_store import bot_id
from load import Target
from plan import Plan, latest_path, ours
from results import Measured, Result, skipped

from intentlive.core.times import format_instant
from intentlive.simulation.traffic import traffic

FIGURES = figures.WARM_TO_STATIC, figures.WARM_TO_NGINX, figures.WARM_TO_STRAIGHTFORWARD
STATIC, NGINX = "static bytes, same server", "a file, nginx"
WARM, ALL_BOTS = "latest 25", "latest 25, all bots in turn"
_MINUTES = 20
_SESSIONS_A_MINUTE = 300


def measure(plan: Plan) -> Measured:
    """Requests a second of all candidates, turn by turn."""
    if not load.has("wrk"):
        return skipped(load.NO_WRK, FIGURES)
    asyncio.run(_begin_sessions(plan.store))
    result = Result(f"Reading: requests a second, {load.CONNECTIONS} connections", of=STATIC)
    paths = plan.folder / "paths"
    paths.write_text("".join(f"{latest_path(bot)}\n" for bot in range(plan.amount.size.bots)))
    with ExitStack() as running:
        targets = _targets(plan, running)
        result.facts["bytes an answer"] = len(load.latest(targets[WARM]))
        for number in range(plan.amount.rounds + 1):
            for name, target in targets.items():
                script = ("in_turn.lua", paths) if name == ALL_BOTS else ()
                seconds = plan.amount.seconds if number else 1  # first, all warm up
                answered = load.most(target, seconds, script=script)
                if number:
                    result.add(name, answered.pace)
    others = STATIC, NGINX, rivals.STRAIGHTFORWARD.name
    ratios = [result.reached(WARM, other) for other in others]
    reached = dict(zip(FIGURES, ratios, strict=True))
    if NGINX not in targets:
        reached[figures.WARM_TO_NGINX] = Reached(why=nginx.MISSING)
    return Measured({"reading": result}, reached)


def static_bytes(folder: Path, body: bytes, running: ExitStack) -> Target:
    """What asks uvicorn for those bytes, and nothing else."""
    file = folder / "static.json"
    file.write_bytes(body)
    command = [sys.executable, str(processes.HERE / "static_server.py"), str(file)]
    server = running.enter_context(processes.server(command, folder / "static.log"))
    return Target(server, "/", setting.headers())


def _targets(plan: Plan, running: ExitStack) -> dict[str, Target]:
    server = running.enter_context(plan.serve())
    body = load.latest(ours(server, 0))
    targets = {STATIC: static_bytes(plan.folder, body, running)}
    if nginx.program():
        command = [sys.executable, nginx.__file__, str(plan.folder)]
        serving = processes.server(command, plan.folder / "nginx.log")
        targets[NGINX] = Target(running.enter_context(serving), "/static.json", setting.headers())
    else:
        print(f"nginx: {nginx.MISSING}", flush=True)
    targets |= {WARM: ours(server, 0), ALL_BOTS: ours(server, 0)}
    for ready in plan.rivals:
        targets[ready.rival.name] = ready.ask(running.enter_context(ready.serve()), 0)
    return targets


async def _begin_sessions(folder: Path) -> None:
    """Give the bot that is asked for sessions that come to their end meanwhile, by idle timeout."""
    now = time.time_ns() // 1_000_000
    store = await setting.open_at(folder, now)
    endless = traffic(Random(25), now - _MINUTES * 60_000, _SESSIONS_A_MINUTE, by_hour=False)
    past = takewhile(lambda event: event["time"] < format_instant(now), endless)
    while batch := list(islice(past, setting.EVENTS_A_BATCH)):
        await store.merge({bot_id(0): setting.states_of(batch)})
    await store.close()
