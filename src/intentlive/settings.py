"""The settings of the server: one table, read from options and the environment by `cli`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from cyclopts import Parameter
from cyclopts.validators import Number
from platformdirs import user_data_path

LogFormat: TypeAlias = Literal["auto", "json", "console"]


def default_data_dir() -> Path:
    """Where this user's data belongs on this system."""
    return user_data_path("intentlive", appauthor=False)


@Parameter(name="*")  # its fields are options of their own
@dataclass(frozen=True)
class StoreSettings:
    """Where the sessions are."""

    store: str = field(default="sqlite:intentlive.db", repr=False)
    """Address of the store: sqlite:PATH, a path inside the data directory or an absolute one; or
    postgresql://USER@HOST/DATABASE, best in INTENTLIVE_STORE, where it holds a password."""

    data_dir: Path = field(default_factory=default_data_dir)
    """The data directory."""

    secrets_key_file: Path | None = None
    """The file (mode 0600) of the key that seals secrets; beside the store, unless named."""

    secrets_key: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = field(
        default=None, repr=False
    )
    """That key itself (32 bytes in base64); best in INTENTLIVE_SECRETS_KEY."""


@Parameter(name="*")  # its fields are options of their own
@dataclass(frozen=True)
class BufferPlace:
    """Where events wait until they are in the store."""

    buffer: str | None = field(default=None, repr=False)
    """Address of the buffer: nats://HOST:4222, or several with commas; best in INTENTLIVE_BUFFER,
    where it holds a password."""


@Parameter(name="*")  # its fields are options of their own
@dataclass(frozen=True)
class BufferSettings(BufferPlace):
    """That, and how it is made where it is not there."""

    buffer_replicas: Annotated[int, Parameter(validator=Number(gte=1, lte=5))] = 3
    """How many nodes keep each message; counts when the buffer is made."""

    buffer_bytes: Annotated[int, Parameter(validator=Number(gte=1 << 20))] = 1 << 30
    """How much it may hold, likewise; then events are answered with 503."""


@Parameter(name="*")  # its fields are options of their own
@dataclass(frozen=True)
class ServerSettings:
    """How the server serves."""

    host: str = "127.0.0.1"
    """The address to listen on; 0.0.0.0 for every interface."""

    port: Annotated[int, Parameter(validator=Number(gte=0, lte=65535))] = 8025
    """The port to listen on; 0 for any free one."""

    workers: Annotated[int, Parameter(validator=Number(gte=1))] = 1
    """Processes that serve, all on this port; about one for each core."""

    tls_certificate: Path | None = None
    """Serve HTTPS: the certificate with its chain (PEM); needs --tls-key."""

    tls_key: Path | None = None
    """The private key of the certificate (PEM), without a passphrase."""

    max_connections_per_address: Annotated[int, Parameter(validator=Number(gte=0))] = 1000
    """Open connections of one address (IPv6: of a /64), 0 for any number; above it, 503."""

    require_account_id: bool = False
    """Refuse calls without the accountId header instead of inferring the account."""

    log_format: LogFormat = "auto"
    """One JSON object a line, or text for people; auto: text on a terminal, JSON elsewhere."""
