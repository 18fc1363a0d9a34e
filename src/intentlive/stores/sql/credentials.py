"""Used token ids and the server's own keys."""

from collections.abc import Sequence

import msgspec

from intentlive.ports import ServerKey, UsedToken
from intentlive.stores.sql.part import Detail, SqlPart
from intentlive.stores.sql.statements import Statements


class SqlCredentials(SqlPart):
    """The `Credentials` part of the store."""

    async def use_tokens(self, tokens: Sequence[UsedToken]) -> Sequence[bool]:
        rows = [msgspec.structs.asdict(token) for token in tokens]
        return await self._database.write(
            lambda run: [run.run("use_token", **row) == 1 for row in rows]
        )

    async def is_used(self, client_id: str, digest: bytes) -> bool:
        return await self._database.read(
            lambda run: run.first("used_token", client_id=client_id, digest=digest) is not None
        )

    async def forget_used_tokens(self, now: int, limit: int) -> int:
        return await self._database.repeat(
            lambda run: run.run("forget_used_tokens", now=now, limit=limit)
        )

    async def server_keys(self, now: int) -> Sequence[ServerKey]:
        rows = await self._database.read(lambda run: run.all("server_keys", now=now))
        return [
            ServerKey(key_id, self._vault.unseal(sealed, key_place(key_id)).decode(), *times)
            for key_id, sealed, *times in rows
        ]

    async def add_server_key(self, key: ServerKey, others_until: int) -> None:
        sealed = self._vault.seal(key.private.encode(), key_place(key.key_id))

        def work(run: Statements) -> Detail:
            run.run("delete_server_keys", now=key.created)
            run.run("retire_server_keys", until=others_until)
            run.run("add_server_key", key_id=key.key_id, private=sealed, created=key.created)
            return {"othersUntil": others_until}

        await self._change("key added", key.key_id, work)


def key_place(key_id: str) -> str:
    """Where a key of the server is kept, which it is sealed for."""
    return f"server key {key_id}"
