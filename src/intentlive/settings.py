"""The settings of the server: one table, read from options and the environment by `cli`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number
from platformdirs import user_data_path


def default_data_dir() -> Path:
    """Where this user's data belongs on this system."""
    return user_data_path("intentlive", appauthor=False)


@Parameter(name="*")  # its fields are options of their own
@dataclass(frozen=True)
class StoreSettings:
    """Where the sessions are."""

    store: str = "sqlite:intentlive.db"
    """Address of the store: sqlite:PATH, a path inside the data directory or an absolute one."""

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
class ServerSettings:
    """How the server serves."""

    host: str = "127.0.0.1"
    """The address to listen on; 0.0.0.0 for every interface."""

    port: Annotated[int, Parameter(validator=Number(gte=0, lte=65535))] = 8025
    """The port to listen on; 0 for any free one."""

    tls_certificate: Path | None = None
    """Serve HTTPS: the certificate with its chain (PEM); needs --tls-key."""

    tls_key: Path | None = None
    """The private key of the certificate (PEM), without a passphrase."""

    max_connections_per_address: Annotated[int, Parameter(validator=Number(gte=0))] = 1000
    """Open connections of one address (IPv6: of a /64), 0 for any number; above it, 503."""

    require_account_id: bool = False
    """Refuse calls without the accountId header instead of inferring the account."""

    log_format: Literal["auto", "json", "console"] = "auto"
    """One JSON object a line, or text for people; auto: text on a terminal, JSON elsewhere."""
