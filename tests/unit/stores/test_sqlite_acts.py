"""Acts stay as they were written, whoever opens the file."""

import sqlite3
from contextlib import closing

import pytest

from tests.contract.conftest import an_account
from tests.stores import open_store


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM acts",
        "DELETE FROM acts WHERE number = 1",
        "UPDATE acts SET who = 'nobody'",
        "UPDATE acts SET detail = '{}' WHERE act = 'account created'",
    ],
)
async def test_an_act_is_neither_changed_nor_deleted(tmp_path, statement):
    store = await open_store("sqlite:sessions.db", tmp_path)
    await store.add_account(an_account())
    before = await store.acts(10)
    with (
        closing(sqlite3.connect(tmp_path / "sessions.db")) as connection,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        connection.execute(statement)
    assert await store.acts(10) == before
    await store.close()
