"""What is measured: rows whose texts are all new, and a mix of changes as a business makes them. From a seed."""

import random
from dataclasses import dataclass, field
from typing import Literal

from bench.events.source_log import Event, Row, SourceLog
from bench.events.texts import LONG_SHARE, Texts

Kind = Literal["untouched", "permissions", "edited", "new", "deleted"]
SHARES: dict[Kind, float] = {"untouched": 0.6, "permissions": 0.2, "edited": 0.15, "new": 0.025, "deleted": 0.025}
"""Of the changes in a mix: how many leave the text alone, and so on."""
STATUSES, PRIORITIES, TEAMS = ("open", "waiting", "solved"), ("low", "normal", "high"), 20


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one row: its text before and after (None: no such row), and the messages that say so."""

    kind: Kind
    key: int
    before: str | None
    after: str | None
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Mix:
    """Rows that are there first, and the changes that are measured. `texts`: key -> text at the end."""

    rows: list[Event]
    changes: list[Change]
    texts: dict[int, str]

    @property
    def events(self) -> list[Event]:
        """The messages of all changes, in order; a delete has two."""
        return [event for change in self.changes for event in change.events]


@dataclass
class Company:
    """The rows of the table as they are now; every change of one is written to the log."""

    rng: random.Random
    log: SourceLog
    texts: Texts
    rows: dict[int, Row] = field(default_factory=dict)
    articles: list[int] = field(default_factory=list)
    """Keys of the rows with a long text."""
    last: int = 0

    def add(self, text: str, article: bool = False) -> Change:
        self.last += 1
        row = {
            "id": self.last,
            "tenant_id": "acme",
            "owner_email": self._person(),
            "team_id": self.rng.randint(1, TEAMS),
            "subject": " ".join(text.split()[2:8]),
            "body": text,
            "status": "open",
            "priority": self.rng.choice(PRIORITIES),
            "updated_at": self._now(),
        }
        self.rows[self.last] = row
        if article:
            self.articles.append(self.last)
        return Change("new", self.last, None, text, tuple(self.log.insert(row)))

    def change(self, kind: Kind) -> Change:
        """Do one change of this kind to a row drawn at random."""
        match kind:
            case "new":
                return self._one_more()
            case "deleted":
                return self._remove(self._any())
            case "edited":
                key = self.rng.choice(self.articles)
                return self._update(kind, key, body=self.texts.edited(self.rows[key]["body"]))
            case "permissions":
                return self._update(kind, self._any(), owner_email=self._person(), team_id=self.rng.randint(1, TEAMS))
            case "untouched":
                return self._update(kind, self._any(), status=self.rng.choice(STATUSES), priority=self._priority())

    def _one_more(self) -> Change:
        article = self.rng.random() < LONG_SHARE
        return self.add(self.texts.article() if article else self.texts.short(), article)

    def _update(self, kind: Kind, key: int, **columns: object) -> Change:
        before = self.rows[key]
        row = self.rows[key] = {**before, **columns, "updated_at": self._now()}
        return Change(kind, key, before["body"], row["body"], tuple(self.log.update(row, before)))

    def _remove(self, key: int) -> Change:
        row = self.rows.pop(key)
        if key in self.articles:
            self.articles.remove(key)
        return Change("deleted", key, row["body"], None, tuple(self.log.delete(row)))

    def _any(self) -> int:
        return self.rng.choice(list(self.rows))

    def _person(self) -> str:
        return f"person{self.rng.randint(1, 100)}@acme.example"

    def _priority(self) -> str:
        return self.rng.choice(PRIORITIES)

    def _now(self) -> str:
        second = self.rng.randrange(86_400)
        return f"2026-11-22T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.000000Z"


def new_texts(n: int, seed: int) -> list[Event]:
    """n new rows: 70% with a short text and 30% with one nearly as long as the model reads. Each is one chunk."""
    company = _company(seed, full=False)
    return [event for _ in range(n) for event in company.add(company.texts.mixed()).events]


def mix(n: int, seed: int, rows: int, full: bool = False) -> Mix:
    """n changes of a table that has `rows` rows first, 30% of them with several paragraphs.

    `full`: with REPLICA IDENTITY FULL, for whoever cannot read an update without `before`.
    """
    company = _company(seed, full)
    articles = set(company.rng.sample(range(rows), round(rows * LONG_SHARE)))
    first = [
        company.add(company.texts.article() if place in articles else company.texts.short(), place in articles)
        for place in range(rows)
    ]
    kinds: list[Kind] = [kind for kind, share in SHARES.items() for _ in range(round(share * n))]
    kinds += ["untouched"] * (n - len(kinds))
    company.rng.shuffle(kinds)
    changes = [company.change(kind) for kind in kinds[:n]]
    texts = {key: row["body"] for key, row in company.rows.items()}
    return Mix([event for change in first for event in change.events], changes, texts)


def _company(seed: int, full: bool) -> Company:
    rng = random.Random(seed)
    return Company(rng, SourceLog(full), Texts(rng))
