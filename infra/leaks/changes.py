"""A random company, and what may happen in it next: each change alters the world and says the SQL that does it."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

from infra.chaos.words import text
from infra.leaks.world import (
    CLASSIFICATIONS,
    FOLDERS,
    MOST_DOCS,
    PEOPLE,
    REGIONS,
    STATES,
    TEAMS,
    TENANTS,
    Doc,
    Entry,
    Statement,
    World,
    delete_doc,
    delete_entry,
    insert_doc,
    insert_entry,
    move_folder,
    update_doc,
)

DOCS_AT_FIRST = 34
"""Of each tenant."""
LONG_SHARE, LONG_WORDS, SHORT_WORDS = 0.06, 300, 6
"""Few texts are long enough to be cut into several chunks, all of which have the document's label."""
SHARES = {"members": 26, "viewers": 22, "editors": 8, "bans": 3}
"""Rows of each tenant to begin with. Bans are few: one at the top of a tree takes all of it away."""


class Changes:
    """The same for the same seed. Alters `world`, which begins as a company of its own."""

    def __init__(self, random: Random) -> None:
        self._random, self.world = random, World()
        self._made = 0
        for tenant in TENANTS:
            for folder in FOLDERS:
                self.world.folders[tenant, folder] = self._parent(folder)
            for table, count in SHARES.items():
                for _ in range(count):
                    self.world.add(self._entry(table, tenant))
            for _ in range(DOCS_AT_FIRST):
                self._new_doc(tenant)
        self._kinds: list[tuple[Callable[[], Statement | None], int]] = [
            (self._enter, 20),
            (self._leave, 20),
            (self._move, 12),
            (self._permit, 34),
            (self._rewrite, 5),
            (self._insert, 8),
            (self._delete, 6),
        ]

    def next(self) -> Statement:
        """Change the world once; what does the same to the database."""
        while True:
            kinds, weights = zip(*self._kinds, strict=True)
            [change] = self._random.choices(kinds, weights)
            statement: Statement | None = change()
            if statement is not None:
                return statement

    def _enter(self) -> Statement | None:
        [table] = self._random.choices(list(SHARES), list(SHARES.values()))
        entry = self._entry(table, self._random.choice(TENANTS))
        if entry.subject in self.world.of(entry.table, entry.tenant, entry.object):
            return None
        self.world.add(entry)
        return insert_entry(entry)

    def _leave(self) -> Statement:
        entry = self._random.choice(self.world.entries())
        self.world.remove(entry)
        return delete_entry(entry)

    def _move(self) -> Statement:
        """Anywhere: into itself too, or into one of its own, so that folders stand in a circle."""
        place = self._random.choice(sorted(self.world.folders))
        parent = self._random.choice([*FOLDERS, None])
        self.world.folders[place] = parent
        return move_folder(*place, parent)

    def _permit(self) -> Statement | None:
        doc = self._doc()
        column = self._random.choice(("folder", "owner", "denied", "classification", "region", "state", "tenant"))
        fresh = self._random_doc(self._random.choice(TENANTS))
        value = getattr(fresh, column)
        if column == "tenant" and self._count(value) >= MOST_DOCS:
            return None
        self.world.docs[doc.id] = replace(doc, **{column: value})
        return update_doc(doc.id, column, value)

    def _rewrite(self) -> Statement:
        doc, body = self._doc(), self._body()
        self.world.docs[doc.id] = replace(doc, body=body)
        return update_doc(doc.id, "body", body)

    def _insert(self) -> Statement | None:
        tenant = self._random.choice(TENANTS)
        return None if self._count(tenant) >= MOST_DOCS else insert_doc(self._new_doc(tenant))

    def _delete(self) -> Statement | None:
        if len(self.world.docs) < DOCS_AT_FIRST:
            return None
        doc = self._doc()
        del self.world.docs[doc.id]
        return delete_doc(doc.id)

    def _entry(self, table: str, tenant: str) -> Entry:
        object_ = self._random.choice(TEAMS if table == "members" else FOLDERS)
        return Entry(table, tenant, object_, self._subject(wild=table == "viewers"))

    def _subject(self, wild: bool) -> str:
        """A person, a team, or now and then everyone. A team may be in itself, by however many others."""
        dice = self._random.random()
        if wild and dice < 0.08:
            return self._random.choice(("user:*", "public:*"))
        if dice < 0.4:
            return f"team:{self._random.choice(TEAMS)}#member"
        return f"user:{self._random.choice(PEOPLE)}"

    def _parent(self, folder: str) -> str | None:
        above = [other for other in FOLDERS if other < folder]
        return self._random.choice([*above, None])

    def _new_doc(self, tenant: str) -> Doc:
        doc = self._random_doc(tenant)
        self._made += 1
        self.world.docs[doc.id] = doc
        return doc

    def _random_doc(self, tenant: str) -> Doc:
        """Now and then without owner and folder: nobody may see such a one."""
        pick, dice = self._random.choice, self._random.random
        return Doc(
            id=self._made + 1,
            tenant=tenant,
            folder=pick(FOLDERS) if dice() < 0.85 else None,
            owner=pick(PEOPLE) if dice() < 0.6 else None,
            denied=self._subject(wild=dice() < 0.2) if dice() < 0.25 else None,
            classification=pick(CLASSIFICATIONS),
            region=pick(REGIONS),
            state=pick(STATES),
            body=self._body(),
        )

    def _body(self) -> str:
        return text(self._random, LONG_WORDS if self._random.random() < LONG_SHARE else SHORT_WORDS)

    def _doc(self) -> Doc:
        return self.world.docs[self._random.choice(sorted(self.world.docs))]

    def _count(self, tenant: str) -> int:
        return sum(doc.tenant == tenant for doc in self.world.docs.values())
