"""The two companies' people and teams: who may see what starts here."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from infra.demo.company_texts import load_texts

FIRST_TEAM_ID = 11


@dataclass(frozen=True)
class Team:
    """A team of one tenant; its id is unique across tenants and shared by the three source schemas."""

    id: int
    tenant: str
    name: str


@dataclass(frozen=True)
class Person:
    """One employee. `handle` is the part of the e-mail address before the @, unique across both tenants."""

    handle: str
    full_name: str
    tenant: str
    teams: tuple[Team, ...]

    @property
    def email(self) -> str:
        return f"{self.handle}@{self.tenant}.example"


@dataclass(frozen=True)
class Staff:
    """Everybody, with the look-ups the row makers need."""

    teams: tuple[Team, ...]
    people: tuple[Person, ...]

    def team(self, tenant: str, name: str) -> Team:
        """Raises StopIteration if the tenant has no team of that name."""
        return next(team for team in self.teams if (team.tenant, team.name) == (tenant, name))

    def of_tenant(self, tenant: str) -> list[Person]:
        return [person for person in self.people if person.tenant == tenant]

    def of_team(self, team: Team) -> list[Person]:
        return [person for person in self.people if team in person.teams]

    def ordinary(self, team: Team) -> list[Person]:
        """Members who are not one of the named people, so that nothing of the story is theirs by accident."""
        return [person for person in self.of_team(team) if person.handle not in load_texts("people")["named"]]


def make_staff(seed: int) -> Staff:
    """The same people and teams for the same seed: the named ones first, then each team's colleagues."""
    texts = load_texts("people")
    names = [(tenant, name) for tenant, teams in texts["teams"].items() for name in teams]
    teams = tuple(Team(FIRST_TEAM_ID + i, tenant, name) for i, (tenant, name) in enumerate(names))
    nobody_yet = Staff(teams, ())
    named = [
        Person(
            handle,
            entry["full_name"],
            entry["tenant"],
            tuple(nobody_yet.team(entry["tenant"], name) for name in entry["teams"]),
        )
        for handle, entry in texts["named"].items()
    ]
    return Staff(teams, (*named, *_colleagues(texts, teams, Random(f"{seed}:staff"))))


def _colleagues(texts: Any, teams: tuple[Team, ...], random: Random) -> Iterator[Person]:
    every_name = [f"{first} {last}" for first in texts["first_names"] for last in texts["last_names"]]
    names = iter(random.sample(every_name, 400))
    for team in teams:
        others = [other for other in teams if other.tenant == team.tenant and other != team]
        for _ in range(texts["teams"][team.tenant][team.name]):
            name = next(names)
            second = (random.choice(others),) if random.random() < 0.15 else ()
            yield Person(name.lower().replace(" ", "."), name, team.tenant, (team, *second))
