"""From whatever schema a store has to this release's, while older releases go on with it.

A migration says from which schema on code can work with what it makes, and the store keeps the
highest of these numbers: so code that is older than the store knows whether it may use it.
"""

from collections.abc import Callable
from typing import NamedTuple

from intentlive.core.errors import StoreTooNew
from intentlive.stores import sql
from intentlive.stores.sql.statements import Statements
from intentlive.stores.sql.unlocking import Unlocked
from intentlive.upkeep import Schema


class Opened(NamedTuple):
    """A store that this release can use, its secrets opened."""

    unlocked: Unlocked
    schema: Schema


def upgrade(
    run: Statements, backend: str, found: int, between: Callable[[int], None] = lambda _: None
) -> Schema:
    """Run the migrations after schema `found`, and `between` with the number of each.

    A newer schema stays as it is: StoreTooNew if this release cannot work on it.
    """
    scripts = sql.migrations(backend)
    if found > len(scripts):
        floor = run.value("works_with")
        if floor > len(scripts):
            raise StoreTooNew(
                f"the store has schema {found}, which needs a release that knows {floor}; this one "
                f"knows {len(scripts)}: run the release that made it, or a newer one"
            )
        return Schema(found, found)
    for number, script in enumerate(scripts[found:], start=found + 1):
        for statement in script.split(";\n"):
            run.execute(statement)
        between(number)
    if found < len(scripts):
        run.run("note_schema", schema=len(scripts), works_with=sql.works_with(scripts))
    return Schema(found, len(scripts))
