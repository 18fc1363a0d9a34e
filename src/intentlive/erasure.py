"""Erasing a person: from every list, for good, and out of the store's files."""

from collections.abc import Sequence

from intentlive.core.personal import Person
from intentlive.ports import Erasure, Store

_AT_ONCE = 2_000


async def erase(store: Store, person: Person, bot_ids: Sequence[str], where: str) -> int:
    """Erase all sessions of a person in some bots, which `where` names in the audit.

    Gives how many it were. StoreError: repeat it; what was erased stays erased.
    """
    values = {"user": person.user_id, "ani": person.ani, "dni": person.dni}
    who = {name: await store.pseudonym(value) for name, value in values.items() if value}
    await store.add_act("erasure begun", where, who)
    erased = sum([await _erase(store, bot_id, person) for bot_id in bot_ids])
    await store.scrub()
    await store.add_act("erasure done", where, {**who, "sessions": erased})
    return erased


async def _erase(store: Store, bot_id: str, person: Person) -> int:
    """Look through a bot until a whole pass finds nothing: events may come in meanwhile."""
    erased, found = 0, -1
    while found:
        found, step = 0, Erasure(0, "")
        while step.next is not None:
            step = await store.erase(bot_id, person, step.next, _AT_ONCE)
            found += step.erased
        erased += found
    return erased
