"""`intentlive serve` and `intentlive demo`.

Only whoever serves waits until all parts of a server are imported: not the help, not a supervisor.
"""

import asyncio
import tempfile
from pathlib import Path

import uvloop

from intentlive.cli.listening import address_of, listen, tls_context
from intentlive.cli.supervisor import supervise
from intentlive.core.errors import IntentLiveError
from intentlive.settings import BufferSettings, ServerSettings, StoreSettings


def serve(
    *,
    server: ServerSettings = ServerSettings(),
    through: BufferSettings = BufferSettings(),
    at: StoreSettings = StoreSettings(),
) -> None:
    """Run the server in the foreground until SIGTERM or Ctrl-C; then drain and stop."""
    tls = tls_context(server)
    listening = listen(server.host, server.port)
    if server.workers > 1:
        asyncio.run(supervise(at, server, through, listening, address_of(listening, tls)))
        return
    from intentlive.cli.serving import run_server  # noqa: PLC0415 - see above

    uvloop.run(run_server(at, server, listening, tls=tls, through=through))


def demo(
    *,
    server: ServerSettings = ServerSettings(),
    _at: StoreSettings = StoreSettings(),  # every command takes these
) -> None:
    """Serve a throw-away store with a demo account, bot and app, and live simulated traffic.

    Prints a curl line to paste. Everything is gone when you stop it with Ctrl-C; a store or data
    directory of yours is not touched.
    """
    from intentlive.cli.demo import run_demo  # noqa: PLC0415 - see above

    tls = tls_context(server)
    try:
        listening = listen(server.host, server.port)
    except IntentLiveError:
        listening = listen(server.host, 0)  # the usual port is taken: any free one will do
    with tempfile.TemporaryDirectory(prefix="intentlive-demo-") as folder:
        uvloop.run(run_demo(StoreSettings(data_dir=Path(folder)), server, listening, tls))
