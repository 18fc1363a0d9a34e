"""Phoenix with its files in a folder, on loopback alone, and asking nothing of the internet.

serve.py FOLDER --port N
"""

import os
import sys
from pathlib import Path

import grpc

folder = Path(sys.argv[1]).resolve()
os.environ.update(
    PHOENIX_WORKING_DIR=str(folder),
    PHOENIX_SQL_DATABASE_URL=f"sqlite:///{folder / 'phoenix.db'}",
    PHOENIX_TELEMETRY_ENABLED="false",
    PHOENIX_ALLOW_EXTERNAL_RESOURCES="false",
    PHOENIX_DISABLE_AGENT_ASSISTANT="true",
    PHOENIX_HOST="127.0.0.1",
)

# It reads its environment while it is imported.
from phoenix.server.main import main  # noqa: E402

listen = grpc.aio._server.Server.add_insecure_port  # noqa: SLF001 - it has no public name


def listen_on_loopback(server: grpc.aio.Server, address: str) -> int:
    """Phoenix has no option for where it takes gRPC: it would be on every address."""
    return listen(server, address.replace("[::]", "127.0.0.1"))


grpc.aio._server.Server.add_insecure_port = listen_on_loopback  # noqa: SLF001

if __name__ == "__main__":
    sys.argv = ["phoenix", "serve", "--no-ui", "--grpc-port", "0", *sys.argv[2:]]
    main()
