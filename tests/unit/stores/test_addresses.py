"""Addresses of stores as they may be shown: never with who logs in, and by which password."""

import pytest

from intentlive.core.errors import StoreError
from intentlive.stores import shown
from tests.stores import open_store


@pytest.mark.parametrize(
    ("address", "seen"),
    [
        ("sqlite:intentlive.db", "sqlite:intentlive.db"),
        ("sqlite:/var/lib/x@y?.db", "sqlite:/var/lib/x@y?.db"),
        ("postgresql://db.example:5433/live", "postgresql://db.example:5433/live"),
        ("postgresql://me:secret@db.example/live", "postgresql://db.example/live"),
        ("postgresql://me:se?cret@db/live", "postgresql://db/live"),
        ("postgresql://me:se#cret@db/live", "postgresql://db/live"),
        ("postgresql://me:se@cret@db/live", "postgresql://db/live"),
        ("postgresql://me:se/cret@db/live", "postgresql://db/live"),
        ("postgresql:///live?host=db&user=me&password=secret", "postgresql://live"),
        ("postgres://me:secret@a,b:5433/live?sslmode=require", "postgres://a,b:5433/live"),
    ],
)
def test_it_says_where_and_nothing_else(address, seen):
    assert shown(address) == seen


@pytest.mark.parametrize(
    "address",
    [
        "host=127.0.0.1 password=secret",
        "sqlite:postgresql://me:secret@db/live",
        "mysql://me:secret@db/live",
        "",
    ],
)
async def test_what_is_no_address_is_refused_and_not_repeated(tmp_path, address):
    with pytest.raises(StoreError, match="sqlite:PATH or postgresql://") as refused:
        await open_store(address, tmp_path)
    assert "secret" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []
