"""Everything at once on a real server, and whether its memory stays: `python -m tests.soak.run`.

Ends with 1 if the memory at the end is more than a twentieth above that after the first minute (in
shorter runs, half of it), and with the answer that was wrong, if one was.
"""

import argparse
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from typing import TypeAlias

from intentlive.auth.tokens import mint
from tests.e2e.calling import Answer, call, call_on, connect
from tests.e2e.server import Caller, Server, events_path, realtime
from tests.e2e.wire import BATCH, SINGLE, body_of

from .tenant import IDLE_SECONDS, OPENED, Bot, check, conversation

MOST_GROWTH = 1.05
BOTS, READERS, SENDERS = 30, 4, 4

Ask: TypeAlias = Callable[..., Answer]


class Soak:
    """A server's clients, a thread each; what they do is drawn from the seed."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._account = server.account("--rate-limit", "0")
        self._callers = [server.caller(self._account)]
        self._enough = threading.Event()
        self.bots = [self._new_bot() for _ in range(BOTS)]
        self.done: Counter[str] = Counter()
        self.resident: list[float] = []

    def run(self, seconds: float, seed: int) -> None:
        """Let all work for so long; raises what one of them met."""
        clients = [self._watch, self._administer] + [self._read] * READERS + [self._send] * SENDERS
        with ThreadPoolExecutor(len(clients)) as threads:
            chances = [Random(f"{seed} {number}") for number in range(len(clients))]
            working = list(map(partial(threads.submit, self._until_enough), clients, chances))
            self._enough.wait(seconds)
            self._enough.set()
        for each in working:
            each.result()

    def _until_enough(self, work: Callable[[Random], None], chance: Random) -> None:
        try:
            while not self._enough.is_set():
                work(chance)
        finally:
            self._enough.set()  # also where one has failed: the others need not go on

    def _read(self, chance: Random) -> None:
        known: dict[tuple[Bot, str], Answer] = {}
        for caller, ask in self._over_one_connection(chance, pause=0.004):
            bot, encoding = chance.choice(self.bots), chance.choice(list(OPENED))
            wanted, known_already = bot.latest(), known.get((bot, encoding))
            headers = caller.headers | {"accept-encoding": encoding}
            if known_already and chance.random() < 0.7:
                headers["if-none-match"] = known_already.headers["etag"]
            answer = ask("POST", realtime(bot.bot_id), headers)
            self.done[f"answers {answer.status}"] += 1
            if answer.status == 304 and "if-none-match" in headers:
                answer = known_already
            known[bot, encoding] = answer
            check(answer, wanted)

    def _send(self, chance: Random) -> None:
        for caller, ask in self._over_one_connection(chance, pause=0.2):
            bot, singly = chance.choice(self.bots), chance.random() < 0.5
            told = [conversation(chance) for _ in range(1 if singly else chance.randint(5, 20))]
            events = [each for some, _ in told for each in some]
            chance.shuffle(events)
            for some in [[each] for each in events] if singly else [events]:
                body, kind = (body_of(some)[1:-1], SINGLE) if singly else (body_of(some), BATCH)
                headers = caller.headers | {"content-type": kind}
                answer = ask("POST", events_path(bot.bot_id), headers, body)
                assert answer.json == {"accepted": len(some), "rejected": []}, answer
            bot.add({some[0]["subject"]: end for some, end in told})
            self.done["events"] += len(events)

    def _over_one_connection(self, chance: Random, pause: float) -> Iterator[tuple[Caller, Ask]]:
        """Who calls, again and again, now and then with another token."""
        connection, caller = connect(self._server.port), self._callers[-1]
        self.done["connections"] += 1
        for _ in range(chance.randint(1, 60)):
            if self._enough.wait(pause):
                break
            if chance.random() < 0.02:
                caller = with_another_token(caller, chance)
            yield caller, partial(call_on, connection)
        connection.close()

    def _administer(self, _chance: Random) -> None:
        """Make a bot and an app; delete an app that nobody uses any more."""
        self._enough.wait(4)
        self.bots.append(self._new_bot())
        self._callers.append(self._server.caller(self._account))
        if len(self._callers) > 10:
            self._server.ok("app", "delete", self._callers.pop(0).client_id, "--yes")

    def _watch(self, _chance: Random) -> None:
        self._enough.wait(1)
        status = Path(f"/proc/{self._server.process.pid}/status").read_text()
        self.resident.append(int(status.partition("VmRSS:")[2].split()[0]) / 1024)
        for path in ("/readyz", "/metrics"):
            assert call(self._server.port, "GET", path).status == 200

    def _new_bot(self) -> Bot:
        return Bot(self._server.bot(self._account, "--idle-timeout", str(IDLE_SECONDS)))


def with_another_token(caller: Caller, chance: Random) -> Caller:
    now, id_ = int(time.time()), chance.randbytes(8).hex()
    who = caller.client_id, caller.client_secret
    return caller._replace(token=mint(*who, "HS256", now=now, ttl=3600, token_id=id_))


def main() -> int:
    """Run it; 1 if the memory has grown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with TemporaryDirectory(prefix="intentlive-soak-") as folder:
        server = Server(Path(folder)).start()
        try:
            soak = Soak(server)
            soak.run(chosen.seconds, chosen.seed)
        finally:
            assert server.stop() == 0
    first = round(min(60, chosen.seconds / 2))
    before, after = median(soak.resident[first:][:10]), median(soak.resident[-10:])
    done = ", ".join(f"{number:,} {what}" for what, number in sorted(soak.done.items()))
    memory = f"{before:.1f} MiB after {first} s, {after:.1f} at the end: {after / before:.3f}"
    print(f"{chosen.seconds:g} s, {len(soak.bots)} bots, {done}: all as it must be; {memory}")
    return int(after / before > MOST_GROWTH)


if __name__ == "__main__":
    sys.exit(main())
