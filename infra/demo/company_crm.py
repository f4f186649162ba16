"""Rows of the schema `crm`: accounts, their contacts, and notes that one colleague may be excluded from."""

from collections.abc import Iterator
from random import Random
from typing import Any

from infra.demo.company_rows import Making, Row, when
from infra.demo.company_texts import Writer, load_texts

ACCOUNTS = {"acme": 54, "globex": 28}
OWNING_TEAMS = {"acme": ("Field Sales", "Customer Success"), "globex": ("Key Accounts",)}
CONTACTS_OF_AN_ACCOUNT = (1, 1, 2, 2, 2)
NOTES_OF_AN_ACCOUNT = (1, 2, 3, 3, 4, 6)
EXCLUDED_SHARE = 0.1
FIRST_ACCOUNT_ID = 301
FIRST_CONTACT_ID = 4001
FIRST_NOTE_ID = 6001


def make_crm(making: Making) -> None:
    """Adds the schema's rows. An account belongs to a person and a team; its contacts and notes follow it."""
    number = 0
    for tenant, count in ACCOUNTS.items():
        for customer, branch in _account_names(tenant, count):
            _add_account(making, number, tenant, customer, branch)
            number += 1


def _account_names(tenant: str, count: int) -> Iterator[tuple[str, str]]:
    customers = list(load_texts("words")["words"][tenant]["customer"])
    branches = load_texts("crm")["branches"]
    for position in range(count):
        again, which = divmod(position, len(customers))
        others = branches[1:]
        yield customers[which], others[(which + again * 3) % len(others)] if again else branches[0]


def _add_account(making: Making, number: int, tenant: str, customer: str, branch: str) -> None:
    random = making.random("accounts", number)
    texts = load_texts("crm")[tenant]
    team = making.staff.team(tenant, random.choice(OWNING_TEAMS[tenant]))
    industry = load_texts("words")["words"][tenant]["customer"][customer]
    writer = making.writer(team, random, {"customer": customer, "industry": industry})
    account = making.add(
        "crm.accounts",
        {
            "id": FIRST_ACCOUNT_ID + number,
            "tenant_id": tenant,
            "team_id": team.id,
            "owner_email": random.choice(making.staff.ordinary(team)).email,
            "name": f"{customer}, {branch}",
            "industry": industry,
            "region": writer.pick(["{region}"]),
            "description": " ".join(writer.paragraphs(texts["description"], at_least=2)),
            **making.lifetime(random),
        },
    )
    for _ in range(random.choice(CONTACTS_OF_AN_ACCOUNT)):
        _add_contact(making, account, texts, random)
    for _ in range(random.choice(NOTES_OF_AN_ACCOUNT)):
        _add_note(making, account, customer, texts, random)


def _add_contact(making: Making, account: Row, texts: Any, random: Random) -> None:
    number = len(making.rows.get("crm.contacts", []))
    people = load_texts("people")
    first, last = random.choice(people["first_names"]), random.choice(people["last_names"])
    writer = Writer(str(account["tenant_id"]), random)
    making.add(
        "crm.contacts",
        {
            "id": FIRST_CONTACT_ID + number,
            "tenant_id": account["tenant_id"],
            "account_id": account["id"],
            "full_name": f"{first} {last}",
            "job_title": writer.pick(["{job}"]),
            "email": f"{first}.{last}@customer-{account['id']}.example".lower(),
            "phone": writer.pick(["{phone}"]),
            "remarks": " ".join(map(writer.write, random.sample(texts["remarks"], random.randint(1, 2)))),
            **making.lifetime(random, not_before=when(account, "created_at")),
        },
    )


def _add_note(making: Making, account: Row, customer: str, texts: Any, random: Random) -> None:
    number = len(making.rows.get("crm.notes", []))
    team = making.team(account)
    kind = random.choice(sorted(texts["notes"]))
    writer = making.writer(team, random, {"customer": customer})
    author, excluded = random.sample(making.staff.ordinary(team), 2)
    making.add(
        "crm.notes",
        {
            "id": FIRST_NOTE_ID + number,
            "tenant_id": account["tenant_id"],
            "account_id": account["id"],
            "author_email": author.email,
            "kind": kind,
            "body": " ".join(writer.paragraphs(texts["notes"][kind])),
            "excluded_email": excluded.email if random.random() < EXCLUDED_SHARE else None,
            **making.lifetime(random, not_before=when(account, "created_at")),
        },
    )
