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


@Parameter(name="*")  # its fields are options of their own
@dataclass(frozen=True)
class ServerSettings:
    """How the server serves."""

    host: str = "127.0.0.1"
    """The address to listen on; 0.0.0.0 for every interface."""

    port: Annotated[int, Parameter(validator=Number(gte=0, lte=65535))] = 8025
    """The port to listen on; 0 for any free one."""

    require_account_id: bool = False
    """Refuse calls without the accountId header instead of inferring the account."""

    log_format: Literal["auto", "json", "console"] = "auto"
    """One JSON object a line, or text for people; auto: text on a terminal, JSON elsewhere."""
