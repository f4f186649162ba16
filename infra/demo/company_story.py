"""The demo's story: questions whose right answers, and the changes to them, are known beforehand."""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.demo.company_people import Staff
from infra.demo.company_texts import load_texts


@dataclass(frozen=True)
class RecordKey:
    """Names one record the way a contract does: source, `<schema>.<table>`, and the key columns' values."""

    source: str
    table: str
    key: Mapping[str, int]


@dataclass(frozen=True)
class TwoAnswers:
    """One question, another right answer for each person (handle -> the record that must be her top hit)."""

    question: str
    answers: Mapping[str, RecordKey]


@dataclass(frozen=True)
class TicketUpdate:
    """After the ticket's body and status are set to these, it must be the top hit of the question."""

    question: str
    asked_by: str
    ticket: RecordKey
    new_body: str
    new_status: str


@dataclass(frozen=True)
class LeaveTeam:
    """The top hit of the question, which must be gone once `member_email` is no longer in the team."""

    question: str
    person: str
    member_email: str
    team: str
    team_id: int
    ticket: RecordKey


@dataclass(frozen=True)
class TicketDelete:
    """The top hit of the question, which must be gone once the ticket is deleted; its comments go with it."""

    question: str
    asked_by: str
    ticket: RecordKey


@dataclass(frozen=True)
class Story:
    two_answers: TwoAnswers
    update: TicketUpdate
    leave_team: LeaveTeam
    delete: TicketDelete
    tickets: tuple[RecordKey, ...]


def tell_story(staff: Staff, ticket_ids: Mapping[str, int]) -> Story:
    """The story with the ids its tickets got. Raises KeyError if a question names a ticket nobody defined."""
    questions = load_texts("story")["questions"]
    key = {name: RecordKey("helpdesk", "helpdesk.tickets", {"id": id_}) for name, id_ in ticket_ids.items()}
    two, update = questions["two_answers"], questions["update"]
    leave, delete = questions["leave_team"], questions["delete"]
    leaver = next(person for person in staff.people if person.handle == leave["person"])
    team = staff.team(leaver.tenant, leave["team"])
    return Story(
        two_answers=TwoAnswers(two["text"], {who: key[name] for who, name in two["answers"].items()}),
        update=TicketUpdate(
            question=update["text"],
            asked_by=update["asked_by"],
            ticket=key[update["ticket"]],
            new_body=update["new_body"],
            new_status=update["new_status"],
        ),
        leave_team=LeaveTeam(
            question=leave["text"],
            person=leaver.handle,
            member_email=leaver.email,
            team=team.name,
            team_id=team.id,
            ticket=key[leave["ticket"]],
        ),
        delete=TicketDelete(delete["text"], delete["asked_by"], key[delete["ticket"]]),
        tickets=tuple(key.values()),
    )
