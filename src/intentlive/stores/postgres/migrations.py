"""From whatever schema a database has to this release's."""

from intentlive.core.errors import NotFound, StoreError, StoreTooOld
from intentlive.stores import sql
from intentlive.stores.sql.statements import Statements
from intentlive.stores.sql.unlocking import unlock
from intentlive.stores.sql.upgrading import Opened, upgrade
from intentlive.stores.vault import KeyPlace

# Whoever waits for a table's lock keeps all others waiting behind: rather give up, and come again.
_WAIT_LITTLE = "SET LOCAL lock_timeout = '2s'"


def migrate(run: Statements, place: KeyPlace, *, make: bool, may_upgrade: bool) -> Opened:
    """Make the tables where there are none, if asked to, and open the secrets.

    Tables of an older release are brought up to date if that is allowed, else StoreTooOld.
    NotFound, StoreTooNew, SecretsLocked.
    """
    encoding = run.value("encoding")
    if encoding != "UTF8":
        raise StoreError(
            f"the database keeps its texts in {encoding}: make one that can keep all of them, "
            "createdb --encoding=UTF8 --template=template0"
        )
    known = len(sql.migrations("postgres"))
    is_made = run.value("is_made")
    if not (is_made or make or may_upgrade):
        raise NotFound("there is no store in this database")
    found = run.value("schema") if is_made else 0
    if is_made and found < known:
        if not may_upgrade:
            raise StoreTooOld(
                f"the store has schema {found}, this release needs {known}: "
                "run intentlive store migrate"
            )
        run.execute(_WAIT_LITTLE)
        found = run.value("lock_schema")
    schema = upgrade(run, "postgres", found)
    return Opened(unlock(run, place), schema)
