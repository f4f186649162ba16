"""Rows of the schema `helpdesk`: teams, members, tickets and their comments."""

from datetime import timedelta
from random import Random
from typing import Any

from infra.demo.company_people import Team
from infra.demo.company_rows import Making, Row, when
from infra.demo.company_texts import Writer, load_texts

TICKETS = {"acme": 245, "globex": 130}
FIRST_TICKET_ID = 1001
FIRST_COMMENT_ID = 20001
STATUSES = ("open", "pending", "solved", "solved", "closed", "closed")
PRIORITIES = ("low", "normal", "normal", "high", "urgent")
SENSITIVITIES = ("public", "internal", "internal", "internal", "restricted")
COMMENTS_OF_A_TICKET = (0, 1, 1, 1, 2, 2, 2, 3)


def make_helpdesk(making: Making) -> dict[str, int]:
    """Adds the schema's rows; gives the ids of the story's tickets by their name in story.yaml."""
    _add_teams(making)
    number = 0
    for tenant, count in TICKETS.items():
        scenarios = load_texts(f"tickets_{tenant}")
        for position in range(count):
            _add_ticket(making, number, tenant, scenarios[position % len(scenarios)])
            number += 1
    story_tickets = load_texts("story")["tickets"]
    return {name: _add_story_ticket(making, name, number + i) for i, name in enumerate(story_tickets)}


def _add_teams(making: Making) -> None:
    founded = (making.now - timedelta(days=420)).replace(microsecond=0)
    for team in making.staff.teams:
        making.add(
            "helpdesk.teams",
            {"id": team.id, "tenant_id": team.tenant, "name": team.name, "created_at": founded},
        )
    for person in making.staff.people:
        for team in person.teams:
            making.add(
                "helpdesk.members",
                {
                    "team_id": team.id,
                    "user_email": person.email,
                    "tenant_id": team.tenant,
                    "full_name": person.full_name,
                    "role": "lead" if person.handle == "dave" else "agent",
                    "created_at": founded,
                },
            )


def _add_ticket(making: Making, number: int, tenant: str, scenario: Any) -> None:
    random = making.random("tickets", number)
    team = making.staff.team(tenant, scenario["team"])
    writer = making.writer(team, random)
    subjects = scenario["subjects"]
    which = random.randrange(len(subjects))
    choices = writer.first_few(scenario["body"])
    paragraphs = [writer.pick_like(alternatives, which, subjects) for alternatives in choices]
    ticket = making.add(
        "helpdesk.tickets",
        {
            "id": FIRST_TICKET_ID + number,
            "tenant_id": tenant,
            "team_id": team.id,
            "owner_email": random.choice(making.staff.of_team(team)).email,
            "subject": writer.write(subjects[which]),
            "body": "\n\n".join(paragraphs),
            "status": random.choice(STATUSES),
            "priority": random.choice(PRIORITIES),
            "sensitivity": random.choice(SENSITIVITIES),
            "region": writer.pick(["{region}"]),
            "card_number": writer.pick(["{card}"]) if random.random() < 0.15 else None,
            **making.lifetime(random),
        },
    )
    for body in _comments(writer, scenario, which):
        _add_comment(making, ticket, body, team, random)


def _comments(writer: Writer, scenario: Any, which: int) -> list[str]:
    """Up to three comments: general ones, then what came of it, often followed by a general remark."""
    random = writer.random
    wanted = random.choice(COMMENTS_OF_A_TICKET)
    general = [writer.write(text) for text in random.sample(load_texts("comments"), wanted)]
    if not general:
        return []
    outcome = writer.pick_like(scenario["comments"], which, scenario["subjects"])
    general[-1] = f"{outcome} {general[-1]}" if random.random() < 0.5 else outcome
    return general


def _add_comment(making: Making, ticket: Row, body: str, team: Team, random: Random) -> None:
    number = len(making.rows.get("helpdesk.comments", []))
    making.add(
        "helpdesk.comments",
        {
            "id": FIRST_COMMENT_ID + number,
            "tenant_id": ticket["tenant_id"],
            "ticket_id": ticket["id"],
            "author_email": random.choice(making.staff.ordinary(team)).email,
            "body": body,
            **making.lifetime(random, not_before=when(ticket, "created_at")),
        },
    )


def _add_story_ticket(making: Making, name: str, number: int) -> int:
    random = making.random("tickets", number)
    story = load_texts("story")["tickets"][name]
    team = making.staff.team(story["tenant"], story["team"])
    written = (making.now - timedelta(hours=random.randint(3, 20))).replace(microsecond=0)
    ticket_id = FIRST_TICKET_ID + number
    ticket = making.add(
        "helpdesk.tickets",
        {
            "id": ticket_id,
            "tenant_id": team.tenant,
            "team_id": team.id,
            "owner_email": random.choice(making.staff.ordinary(team)).email,
            "subject": story["subject"],
            "body": story["body"],
            "status": story["status"],
            "priority": "high",
            "sensitivity": "internal",
            "region": "nordics",
            "card_number": None,
            "created_at": written,
            "updated_at": written + timedelta(hours=1),
        },
    )
    for text in story.get("comments", []):
        _add_comment(making, ticket, text, team, random)
    return ticket_id
