"""From whatever schema a database has to this release's."""

from intentlive.core.errors import NotFound, StoreTooNew, StoreTooOld
from intentlive.stores import sql
from intentlive.stores.sql.statements import Statements
from intentlive.stores.sql.unlocking import Unlocked, unlock
from intentlive.stores.vault import KeyPlace


def migrate(run: Statements, place: KeyPlace, *, make: bool, upgrade: bool) -> Unlocked:
    """Make the tables where there are none, if asked to, and open the secrets.

    Tables of an older release are brought up to date if `upgrade`, else StoreTooOld. NotFound,
    StoreTooNew, SecretsLocked.
    """
    scripts = sql.migrations("postgres")
    is_made = run.value("is_made")
    if not (is_made or make):
        raise NotFound("there is no store in this database")
    version = run.value("schema") if is_made else 0
    if version > len(scripts):
        raise StoreTooNew(
            f"the store has schema {version}, this release knows {len(scripts)}: "
            "run the release that made it, or a newer one"
        )
    if is_made and version < len(scripts) and not upgrade:
        raise StoreTooOld(
            f"the store has schema {version}, this release needs {len(scripts)}: "
            "run intentlive store migrate"
        )
    for number, script in enumerate(scripts[version:], start=version + 1):
        for statement in script.split(";\n"):
            run.execute(statement)
        run.run("note_schema", schema=number)
    return unlock(run, place)
