"""The tables of the straightforward way; as a program, makes them in a folder's database."""

import sys
from pathlib import Path
from sqlite3 import Connection

from sqlalchemy import JSON, Engine, Index, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Times are milliseconds since 1970."""


class App(Base):
    __tablename__ = "apps"

    client_id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str]
    secret: Mapped[str]
    scopes: Mapped[list[str]] = mapped_column(JSON)


class Bot(Base):
    __tablename__ = "bots"

    bot_id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str]


class BotSession(Base):
    __tablename__ = "sessions"
    __table_args__ = (Index("sessions_by_end", "bot_id", "end_time", "session_id"),)

    bot_id: Mapped[str] = mapped_column(primary_key=True)
    session_id: Mapped[str] = mapped_column(primary_key=True)
    intents: Mapped[list[str]] = mapped_column(JSON)
    ani: Mapped[str | None]
    dni: Mapped[str | None]
    channel: Mapped[str | None]
    user_id: Mapped[str | None]
    deflected_to: Mapped[str | None]
    started: Mapped[int]
    handled_until: Mapped[int]
    last_activity: Mapped[int]
    end_time: Mapped[int]
    over: Mapped[bool]
    completed: Mapped[bool]


def open_engine(folder: Path) -> Engine:
    """The database in a folder, with its tables; what is committed survives a loss of power."""
    engine = create_engine(f"sqlite:///{folder / 'baseline.db'}")

    @event.listens_for(engine, "connect")
    def configure(connection: Connection, _: object) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    Base.metadata.create_all(engine)
    return engine


if __name__ == "__main__":
    open_engine(Path(sys.argv[1]))
