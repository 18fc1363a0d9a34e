"""Stores: one package a backend, chosen by the scheme of its address and imported on demand."""

from pathlib import Path

from intentlive.core.errors import StoreError
from intentlive.ports import Acting, Store
from intentlive.stores.vault import KeyPlace


async def open_store(  # noqa: PLR0913 - all but the first are keywords
    url: str,
    *,
    data_dir: Path,
    acting: Acting,
    key: str | None = None,
    key_file: Path | None = None,
    make: bool = True,
    upgrade: bool = False,
) -> Store:
    """Open the store at `url`: `sqlite:PATH` (inside `data_dir`) or `postgresql://…`.

    Its secrets are opened by `key` (base64), or by the key in `key_file`: unless it is named, one
    that lies beside the SQLite file, or `postgresql.key` in `data_dir`. A store that is not there
    is made, or NotFound without `make`. A file of an older release is brought up to date; tables
    in PostgreSQL only with `upgrade`, else StoreTooOld. StoreUnavailable where it cannot be
    opened, SecretsLocked without the right key, StoreTooNew where a newer release made it,
    StoreError for a scheme that there is no backend for.
    """
    scheme, _, address = url.partition(":")
    if scheme == "sqlite" and address:
        from intentlive.stores.sqlite.store import open_sqlite  # noqa: PLC0415 - a driver is imported only where it is used

        path = data_dir / Path(address.replace("///", "/", 1))
        place = KeyPlace(key_file or path.with_name(f"{path.name}.key"), key)
        return await open_sqlite(path, place, acting, make=make)
    if scheme in ("postgresql", "postgres"):
        from intentlive.stores.postgres.store import open_postgres  # noqa: PLC0415 - likewise

        place = KeyPlace(key_file or data_dir / "postgresql.key", key)
        return await open_postgres(url, place, acting, make=make, upgrade=upgrade)
    raise StoreError(
        f"no backend for a store of {scheme!r}: expected sqlite:PATH or postgresql://…"
    )
