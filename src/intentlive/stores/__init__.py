"""Stores: one package a backend, chosen by the scheme of its address and imported on demand."""

from pathlib import Path

from intentlive.core.errors import StoreError
from intentlive.ports import Store


async def open_store(url: str, data_dir: Path, *, make: bool = True) -> Store:
    """Open the store at `url`, such as `sqlite:intentlive.db` (a path inside `data_dir`).

    One that is not there is made, or NotFound without `make`. StoreUnavailable where it cannot be
    opened, StoreTooNew where a newer release made it, StoreError for a scheme that there is no
    backend for.
    """
    scheme, _, address = url.partition(":")
    if scheme == "sqlite" and address:
        from intentlive.stores.sqlite.store import open_sqlite  # noqa: PLC0415 - a driver is imported only where it is used

        return await open_sqlite(data_dir / Path(address.replace("///", "/", 1)), make=make)
    raise StoreError(f"no backend for store {url!r}: expected sqlite:PATH")
