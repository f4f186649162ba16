"""How companies share, as numbers: for each person of a tenant, how many labels it sees. Pure; same seed, same numbers.

Labels never cross tenants, so one tenant is simulated. Four kinds of source, each with the labels its contract makes:

tickets   readers: owner and team; two attributes (12 combinations). A person is in one team and 0.6 more on average.
pages     readers: author and the folder's viewers. 2 % of the folders are for everybody, 38 % for a department, the
          rest for a team; few authors write much, most write little.
drive     each document has readers of its own: 75 % private, 15 % for the team, 8 % for some people (mostly one or
          two, sometimes dozens), 2 % for everybody. A set of people is a label of its own.
accounts  readers: owner and team; whoever leads sees all that is below. A fifth of the people sell.

`lean` contracts name no owner where a group of readers has it anyway: the same people see the same records.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Amounts = NDArray[np.float64]

TEAM, DEPARTMENT, SPAN = 8, 150, 8
"""People in a team and in a department, on average, and led by one."""
MORE_TEAMS = 0.6
COMBINATIONS = np.array([0.3, 0.2, 0.12, 0.1, 0.08, 0.06, 0.05, 0.04, 0.02, 0.015, 0.01, 0.005])
"""How often each combination of two attributes occurs."""
TICKETS, PAGES, DOCUMENTS, ACCOUNTS = 100, 20, 200, 20
"""Records of a person, or of a folder: medians, with a few who have many."""
MANY = 1.2
"""Spread of such numbers: the standard deviation of their logarithm."""


@dataclass(frozen=True, slots=True)
class Shared:
    """`labels` there are; `seen` by each person."""

    labels: int
    seen: Counts


@dataclass(frozen=True, slots=True)
class Company:
    """Who is in which team and department. `members`: pairs of a person and a team, each once."""

    people: int
    dice: np.random.Generator
    members: tuple[Counts, Counts]
    teams: int

    @property
    def departments(self) -> int:
        return max(1, self.people // DEPARTMENT)

    def of_teams(self, labels: Amounts) -> Counts:
        """What each person sees where it sees what its teams see; `labels`: of each team."""
        person, team = self.members
        return _summed(person, labels[team], self.people).astype(np.int64)

    def many(self, median: float, count: int) -> Amounts:
        return self.dice.lognormal(np.log(median), MANY, count)


def company(people: int, seed: int) -> Company:
    dice = np.random.default_rng((seed, people))
    teams = max(1, people // TEAM)
    liked = dice.lognormal(0, 0.6, teams)
    more = dice.poisson(MORE_TEAMS * people)
    person = np.concatenate([np.arange(people), dice.integers(people, size=more)])
    team = dice.choice(teams, size=len(person), p=liked / liked.sum())
    pairs = np.unique(person * teams + team)
    return Company(people, dice, (pairs // teams, pairs % teams), teams)


def tickets(of: Company, lean: bool = False) -> Shared:
    person, team = of.members
    records = of.many(TICKETS, len(person))
    if lean:  # a combination of attributes in a team, whoever owns the ticket
        records = _summed(team, records, of.teams)
    unused = (1 - COMBINATIONS) ** records[:, None]
    labels = np.round((1 - unused).sum(axis=1))
    by_team = labels if lean else _summed(team, labels, of.teams)
    return Shared(int(by_team.sum()), of.of_teams(by_team))


def pages(of: Company, lean: bool = False) -> Shared:
    folders = max(3, of.people // 2)
    everybody, department = round(0.02 * folders), round(0.38 * folders)
    authors = np.ones(folders) if lean else 1 + np.floor(of.many(PAGES, folders) / 5)
    of_department = of.dice.integers(of.departments, size=department)
    of_team = of.dice.integers(of.teams, size=folders - everybody - department)
    by_department = _summed(of_department, authors[everybody : everybody + department], of.departments)
    by_team = _summed(of_team, authors[everybody + department :], of.teams)
    seen = authors[:everybody].sum() + by_department[of.dice.integers(of.departments, size=of.people)]
    return Shared(int(authors.sum()), seen.astype(np.int64) + of.of_teams(by_team))


def drive(of: Company, lean: bool = False) -> Shared:
    documents = of.many(DOCUMENTS, of.people)
    to_some = of.dice.poisson(0.08 * documents)
    readers = np.minimum(of.dice.zipf(2.2, int(to_some.sum())), 50)
    received = np.bincount(of.dice.integers(of.people, size=int(readers.sum())), minlength=of.people)
    to_all = 1 if lean else int((of.dice.poisson(0.02 * documents) > 0).sum())
    by_team = np.ones(of.teams) if lean else np.bincount(of.members[1], minlength=of.teams).astype(float)
    labels = of.people + int(by_team.sum()) + int(to_some.sum()) + to_all  # one of his own for each person
    return Shared(labels, 1 + of.of_teams(by_team) + to_some + received + to_all)


def accounts(of: Company, lean: bool = False) -> Shared:
    sells = of.dice.random(of.people) < 0.2
    own = np.where(sells, np.maximum(1, np.round(of.many(ACCOUNTS, of.people) / ACCOUNTS * 2)), 0)
    if lean:
        own = np.where(sells & (of.dice.random(of.people) < 1 / TEAM), 2, 0)  # a team's, not each owner's
    below = own.copy()
    for end, start in _levels(of.people):  # the lowest first
        np.add.at(below, (np.arange(start, end) - 1) // SPAN, below[start:end])
    return Shared(int(own.sum()), below.astype(np.int64))


def _summed(groups: Counts, amounts: Amounts, count: int) -> Amounts:
    """The sum of each of so many groups."""
    return np.bincount(groups, amounts, count).astype(np.float64)


def _levels(people: int) -> list[tuple[int, int]]:
    """(end, start) of each level of a tree in which each has SPAN below; the top is left out; the lowest first."""
    levels, start, width = [], 1, SPAN
    while start < people:
        levels.append((min(people, start + width), start))
        start, width = start + width, width * SPAN
    return levels[::-1]


SOURCES: dict[str, Callable[[Company, bool], Shared]] = {
    "tickets": tickets,
    "pages": pages,
    "drive": drive,
    "accounts": accounts,
}


def together(people: int, seed: int, lean: bool = False) -> dict[str, Shared]:
    """Each source, and all of them in one question."""
    of = company(people, seed)
    shared = {name: share(of, lean) for name, share in SOURCES.items()}
    seen = np.sum([each.seen for each in shared.values()], axis=0)
    return {**shared, "all": Shared(sum(each.labels for each in shared.values()), seen)}
