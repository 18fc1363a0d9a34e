"""Used token ids and the server's own keys in SQLite."""

from collections.abc import Sequence

import msgspec

from intentlive.ports import ServerKey, UsedToken
from intentlive.stores import sql
from intentlive.stores.sqlite.connection import Connection
from intentlive.stores.sqlite.part import Detail, SqlitePart

_SQL = sql.queries("sqlite")


class SqliteCredentials(SqlitePart):
    """The `Credentials` part of the store."""

    async def use_tokens(self, tokens: Sequence[UsedToken]) -> Sequence[bool]:
        rows = [msgspec.structs.asdict(token) for token in tokens]
        return await self._database.write(
            lambda c: [c.execute(_SQL["use_token"], row).rowcount == 1 for row in rows]
        )

    async def is_used(self, client_id: str, digest: bytes) -> bool:
        row = {"client_id": client_id, "digest": digest}
        return await self._database.read(
            lambda c: c.execute(_SQL["used_token"], row).fetchone() is not None
        )

    async def forget_used_tokens(self, now: int, limit: int) -> int:
        some = {"now": now, "limit": limit}
        return await self._database.write(
            lambda c: c.execute(_SQL["forget_used_tokens"], some).rowcount
        )

    async def server_keys(self, now: int) -> Sequence[ServerKey]:
        def work(connection: Connection) -> list[ServerKey]:
            rows = connection.execute(_SQL["server_keys"], {"now": now}).fetchall()
            return [
                ServerKey(key_id, self._vault.unseal(sealed, _place(key_id)).decode(), *times)
                for key_id, sealed, *times in rows
            ]

        return await self._database.read(work)

    async def add_server_key(self, key: ServerKey, others_until: int) -> None:
        sealed = self._vault.seal(key.private.encode(), _place(key.key_id))
        row = {"key_id": key.key_id, "private": sealed, "created": key.created}

        def work(connection: Connection) -> Detail:
            connection.execute(_SQL["delete_server_keys"], {"now": key.created})
            connection.execute(_SQL["retire_server_keys"], {"until": others_until})
            connection.execute(_SQL["add_server_key"], row)
            return {"othersUntil": others_until}

        await self._change("key added", key.key_id, work)


def _place(key_id: str) -> str:
    return f"server key {key_id}"
