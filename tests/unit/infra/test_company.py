"""The sample company: deterministic, whole, and with a story whose answers the permissions really give."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from connectors.load import load
from infra.demo.company import Company, fingerprints, make_company, write_people
from infra.demo.company_rows import Row
from infra.demo.company_story import RecordKey
from infra.demo.company_texts import UnknownSlot, Writer

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
SEARCHABLE = {
    "helpdesk.tickets", "helpdesk.comments", "crm.accounts", "crm.contacts", "crm.notes", "wiki.pages",
}  # fmt: skip
REFERENCES = {  # child table -> (its columns, parent table, the parent's columns)
    "helpdesk.members": (("tenant_id", "team_id"), "helpdesk.teams", ("tenant_id", "id")),
    "helpdesk.tickets": (("tenant_id", "team_id"), "helpdesk.teams", ("tenant_id", "id")),
    "helpdesk.comments": (("tenant_id", "ticket_id"), "helpdesk.tickets", ("tenant_id", "id")),
    "crm.accounts": (("tenant_id", "team_id"), "helpdesk.teams", ("tenant_id", "id")),
    "crm.contacts": (("tenant_id", "account_id"), "crm.accounts", ("tenant_id", "id")),
    "crm.notes": (("tenant_id", "account_id"), "crm.accounts", ("tenant_id", "id")),
    "wiki.folders": (("tenant_id", "parent_id"), "wiki.folders", ("tenant_id", "id")),
    "wiki.folder_permissions": (("tenant_id", "folder_id"), "wiki.folders", ("tenant_id", "id")),
    "wiki.pages": (("tenant_id", "folder_id"), "wiki.folders", ("tenant_id", "id")),
}


@pytest.fixture(scope="module")
def company() -> Company:
    return make_company(NOW)


def texts(row: Row) -> str:
    return "\n".join(value for value in row.values() if isinstance(value, str))


def words(row: Row, column: str = "body") -> int:
    return len(str(row[column]).split())


def ticket(company: Company, record: RecordKey) -> Row:
    return next(row for row in company.rows["helpdesk.tickets"] if row["id"] == record.key["id"])


def may_read(company: Company, handle: str, row: Row) -> bool:
    """Written from the rows alone, without contracts or labels: owner, or member of the ticket's team."""
    person = company.people[handle]
    teams = {member["team_id"] for member in company.rows["helpdesk.members"] if member["user_email"] == person.email}
    same_tenant = row["tenant_id"] == person.tenant
    return same_tenant and (row["owner_email"] == person.email or row["team_id"] in teams)


def test_same_seed_and_now_give_the_same_rows_bit_for_bit(company: Company) -> None:
    assert make_company(NOW) == company


def test_another_day_moves_every_time_by_that_much_and_changes_nothing_else(company: Company) -> None:
    later = make_company(NOW + timedelta(days=3))
    for table, rows in company.rows.items():
        for before, after in zip(rows, later.rows[table], strict=True):
            for column, value in before.items():
                moved = value + timedelta(days=3) if isinstance(value, datetime) else value
                assert after[column] == moved


def test_another_seed_gives_other_texts_but_the_same_story(company: Company) -> None:
    other = make_company(NOW, seed=8)
    assert other.rows["helpdesk.tickets"] != company.rows["helpdesk.tickets"]
    assert other.story == company.story
    assert fingerprints(7) == fingerprints(7) != fingerprints(8)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        make_company(datetime(2026, 1, 1))


def test_it_is_about_two_thousand_rows_of_which_fifteen_hundred_are_searchable(company: Company) -> None:
    assert 1_750 <= sum(company.counts.values()) <= 2_100
    assert 1_400 <= sum(count for table, count in company.counts.items() if table in SEARCHABLE) <= 1_600


def test_every_table_has_rows_of_both_tenants(company: Company) -> None:
    for table, rows in company.rows.items():
        assert {row["tenant_id"] for row in rows} == {"acme", "globex"}, table


def test_foreign_keys_hold_and_never_leave_the_tenant(company: Company) -> None:
    for child, (columns, parent, parent_columns) in REFERENCES.items():
        known = {tuple(row[name] for name in parent_columns) for row in company.rows[parent]}
        wanted = {tuple(row[name] for name in columns) for row in company.rows[child]}
        assert {key for key in wanted if key[1] is not None} <= known, child


def test_keys_are_unique(company: Company) -> None:
    keys = {
        "helpdesk.members": ("team_id", "user_email"),
        "wiki.folder_permissions": ("folder_id", "subject"),
    }
    for table, rows in company.rows.items():
        found = [tuple(row[name] for name in keys.get(table, ("id",))) for row in rows]
        assert len(set(found)) == len(found), table


def test_contracts_name_only_columns_and_keys_that_the_rows_have(company: Company) -> None:
    contracts = load(Path("connectors/sources"))
    assert [contract.source for contract in contracts] == ["crm", "helpdesk", "wiki"]
    for contract in contracts:
        for table, rules in contract.tables.items():
            assert rules.columns() <= company.rows[table][0].keys(), table


def test_times_are_aware_ordered_and_not_in_the_future(company: Company) -> None:
    for rows in company.rows.values():
        for row in rows:
            created, updated = row.get("created_at"), row.get("updated_at", NOW)
            if isinstance(created, datetime) and isinstance(updated, datetime):
                assert created.tzinfo is not None
                assert created <= updated <= NOW


def test_texts_are_mostly_short_and_forty_pages_are_long(company: Company) -> None:
    pages = [words(row) for row in company.rows["wiki.pages"]]
    assert sum(count > 300 for count in pages) == 40
    assert 1_200 < max(pages) <= 1_500
    tickets = sorted(words(row) for row in company.rows["helpdesk.tickets"])
    assert tickets[0] < 15 < tickets[len(tickets) // 2] < 60
    assert max(words(row) for row in company.rows["helpdesk.comments"]) < 60


def test_texts_are_varied_and_every_slot_is_filled(company: Company) -> None:
    bodies = [row["body"] for table in SEARCHABLE for row in company.rows[table] if "body" in row]
    assert len(set(bodies)) > 0.9 * len(bodies)
    for rows in company.rows.values():
        for row in rows:
            assert not re.search(r"[{}^]|##\d|\bNone\b", texts(row)), row


def test_an_unknown_slot_is_an_error_that_names_it() -> None:
    with pytest.raises(UnknownSlot, match=r"Slot: \{nonsense\}"):
        Writer("acme", Random(1)).write("a {nonsense}")


def test_a_repeated_slot_keeps_its_word_and_a_numbered_one_is_another() -> None:
    first, again, other = Writer("acme", Random(1)).write("{city}|{city}|{city2}").split("|")
    assert first == again != other


def test_alice_and_bob_have_no_team_in_common_and_dave_sees_both(company: Company) -> None:
    alice, bob, carol, dave = (company.people[name] for name in ("alice", "bob", "carol", "dave"))
    assert not set(alice.teams) & set(bob.teams)
    assert set(alice.teams) | set(bob.teams) <= set(dave.teams)
    assert (alice.tenant, bob.tenant, carol.tenant, dave.tenant) == ("acme", "acme", "globex", "acme")


def test_one_question_has_for_each_asker_an_answer_the_other_may_not_read(company: Company) -> None:
    answers = {who: ticket(company, key) for who, key in company.story.two_answers.answers.items()}
    assert set(answers) == {"alice", "bob"}
    for reader in ("alice", "bob"):
        assert [who for who, row in answers.items() if may_read(company, reader, row)] == [reader]
    assert all(may_read(company, "dave", row) for row in answers.values())
    assert not any(may_read(company, "carol", row) for row in answers.values())


def test_the_updated_and_the_deleted_ticket_are_readable_by_who_asks(company: Company) -> None:
    story = company.story
    for asked_by, record in (
        (story.update.asked_by, story.update.ticket),
        (story.delete.asked_by, story.delete.ticket),
    ):
        assert may_read(company, asked_by, ticket(company, record))
    assert ticket(company, story.update.ticket)["body"] != story.update.new_body


def test_leaving_the_team_takes_away_the_only_reason_to_see_the_ticket(company: Company) -> None:
    leave = company.story.leave_team
    row = ticket(company, leave.ticket)
    assert may_read(company, leave.person, row)
    assert row["team_id"] == leave.team_id
    assert row["owner_email"] != leave.member_email == company.people[leave.person].email


@pytest.mark.parametrize("name", ["Northwind", "Harbour Lane", "Juniper", "Kestrel", "kroner"])
def test_what_the_story_asks_about_is_mentioned_in_story_tickets_only(company: Company, name: str) -> None:
    story_ids = {record.key["id"] for record in company.story.tickets}
    for table, rows in company.rows.items():
        for row in rows:
            if name in texts(row):
                assert table == "helpdesk.tickets"
                assert row["id"] in story_ids


def test_the_story_survives_whatever_seed_is_chosen() -> None:
    for seed in range(20, 30):
        company = make_company(NOW, seed)
        leave = company.story.leave_team
        assert ticket(company, leave.ticket)["owner_email"] != leave.member_email


def test_pages_folders_lead_to_a_root_that_grants_somebody(company: Company) -> None:
    parents = {row["id"]: row["parent_id"] for row in company.rows["wiki.folders"]}
    granted = {row["folder_id"] for row in company.rows["wiki.folder_permissions"]}
    for row in company.rows["wiki.pages"]:
        folder = row["folder_id"]
        while parents[folder] is not None:
            folder = parents[folder]
        assert folder in granted


def test_folder_subjects_are_people_or_teams_of_the_folders_tenant(company: Company) -> None:
    members = company.rows["helpdesk.members"]
    known = {(row["tenant_id"], f"user:{row['user_email']}") for row in members}
    known |= {(row["tenant_id"], f"team:{row['team_id']}#member") for row in members}
    assert {(row["tenant_id"], row["subject"]) for row in company.rows["wiki.folder_permissions"]} <= known


def test_some_notes_exclude_a_colleague_who_could_read_them_otherwise(company: Company) -> None:
    teams = {row["id"]: row["team_id"] for row in company.rows["crm.accounts"]}
    members = {(row["team_id"], row["user_email"]) for row in company.rows["helpdesk.members"]}
    excluding = [row for row in company.rows["crm.notes"] if row["excluded_email"] is not None]
    assert 10 < len(excluding) < 60
    for row in excluding:
        assert (teams[row["account_id"]], row["excluded_email"]) in members
        assert row["excluded_email"] != row["author_email"]


def test_the_people_file_gives_each_handle_its_mail_address_and_tenant(company: Company, tmp_path: Path) -> None:
    write_people(company, tmp_path / "people.json")
    people = json.loads((tmp_path / "people.json").read_text(encoding="utf-8"))
    assert people["alice"] == {"sub": "alice@acme.example", "tenant": "acme"}
    assert people["carol"] == {"sub": "carol@globex.example", "tenant": "globex"}
    assert len(people) == len(company.people) > 150
