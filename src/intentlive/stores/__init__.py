"""Stores: one package a backend, chosen by the scheme of its address and imported on demand."""

from pathlib import Path

from intentlive.core.errors import StoreError
from intentlive.ports import Acting
from intentlive.stores.vault import KeyPlace
from intentlive.upkeep import KeptStore


async def open_store(  # noqa: PLR0913 - all but the first are keywords
    url: str,
    *,
    data_dir: Path,
    acting: Acting,
    key: str | None = None,
    key_file: Path | None = None,
    make: bool = True,
    upgrade: bool = False,
) -> KeptStore:
    """Open the store at `url`: `sqlite:PATH` (inside `data_dir`) or `postgresql://…`.

    Its secrets are opened by `key` (base64), or by the key in `key_file`: unless it is named, one
    that lies beside the SQLite file, or `postgresql.key` in `data_dir`. A store that is not there
    is made, or NotFound without `make`. A file of an older release is brought up to date; tables
    in PostgreSQL only with `upgrade`, else StoreTooOld. StoreUnavailable where it cannot be
    opened, SecretsLocked without the right key, StoreTooNew where a newer release made it,
    StoreError for a scheme that there is no backend for.
    """
    scheme, colon, _ = url.partition(":")
    if not colon or (scheme == "sqlite" and "://" in url):
        # What it is instead is not told: it may hold a password.
        raise StoreError("the store is given as sqlite:PATH or postgresql://USER@HOST/DATABASE")
    file = file_of(url, data_dir)
    place = KeyPlace(key_file or key_file_of(url, data_dir), key)
    if file is not None:
        from intentlive.stores.sqlite.store import open_sqlite  # noqa: PLC0415 - a driver is imported only where it is used

        return await open_sqlite(file, place, acting, make=make)
    if scheme in ("postgresql", "postgres"):
        from intentlive.stores.postgres.store import open_postgres  # noqa: PLC0415 - likewise

        return await open_postgres(url, place, acting, make=make, upgrade=upgrade)
    raise StoreError(
        f"no backend for a store of {scheme!r}: expected sqlite:PATH or postgresql://…"
    )


def file_of(url: str, data_dir: Path) -> Path | None:
    """The file that holds a store; None where it is not in one."""
    scheme, _, address = url.partition(":")
    if scheme != "sqlite" or not address:
        return None
    return data_dir / Path(address.replace("///", "/", 1))


def key_file_of(url: str, data_dir: Path) -> Path:
    """Where the key to a store's secrets lies, unless another place is named."""
    file = file_of(url, data_dir)
    return data_dir / "postgresql.key" if file is None else file.with_name(f"{file.name}.key")


def shown(url: str) -> str:
    """An address without who logs in, and by which password, wherever it is written."""
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite":
        return url
    return f"{scheme}://{rest.lstrip('/').rpartition('@')[2].partition('?')[0]}"
