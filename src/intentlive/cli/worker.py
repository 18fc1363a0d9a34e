"""One of several workers: a process that its supervisor starts, listens to, and stops.

It reads its order from standard input. As long as that stays open, it serves; when it is closed,
by the supervisor or by the supervisor's death, it drains and ends. On standard output it gives a
sign of life every second.
"""

import asyncio
import os
import shutil
import socket
import sys
from collections.abc import Callable
from contextlib import suppress

import uvloop

from intentlive.app import Running
from intentlive.cli.listening import tls_context
from intentlive.cli.orders import TRY_LATER, Order
from intentlive.cli.output import complain
from intentlive.cli.serving import run_server
from intentlive.clock import wall_clock
from intentlive.core.errors import IntentLiveError, StoreUnavailable

_BEAT_SECONDS = 1.0
_STDIN, _STDOUT = 0, 1


def main() -> None:
    """Serve as ordered; exit code 1, or TRY_LATER, and an error on standard error if not."""
    supervisor = os.getppid()
    order = Order.read(sys.stdin.buffer.readline())
    listening = socket.socket(fileno=order.listening)
    try:
        tls = tls_context(order.server)
        uvloop.run(
            run_server(
                order.at,
                order.server,
                listening,
                tls=tls,
                beside=_report,
                through=order.through,
                worker=order.worker,
            )
        )
    except (IntentLiveError, OSError) as error:
        complain(f"worker {order.worker.number}: {error}")
        sys.exit(TRY_LATER if isinstance(error, StoreUnavailable | OSError) else 1)
    finally:
        if os.getppid() != supervisor:  # which would have removed it
            shutil.rmtree(order.worker.folder, ignore_errors=True)


async def _report(running: Running, stop: Callable[[], None]) -> None:
    """Tell the supervisor and the other workers how it goes; stop when the supervisor has gone."""
    loop = asyncio.get_running_loop()

    def gone() -> None:
        loop.remove_reader(_STDIN)
        stop()

    loop.add_reader(_STDIN, gone)  # no more is sent: what can be read is the end
    os.set_blocking(_STDOUT, False)
    while True:
        with suppress(OSError):  # nobody listens
            os.write(_STDOUT, b".")
        running.signals.source_lags.forget_quiet(wall_clock())
        with suppress(OSError):  # a full disk
            running.signals.tell()
        await asyncio.sleep(_BEAT_SECONDS)


if __name__ == "__main__":
    main()
