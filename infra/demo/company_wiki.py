"""Rows of the schema `wiki`: a folder tree whose permissions are inherited downwards, and its pages."""

from typing import Any

from infra.demo.company_people import Team
from infra.demo.company_rows import Making, Row
from infra.demo.company_texts import Writer, capitalised, load_texts, slug

SHORT_PAGES = {"acme": 45, "globex": 25}
OPEN_SPACE = "Handbook"
OPEN_SHARE = 0.4
LASTING = "{date} {time} {city} {city2} {customer} {version} {code}"  # what every section of a page agrees on
FIRST_FOLDER_ID = 701
FIRST_PAGE_ID = 8001


def make_wiki(making: Making) -> None:
    """Adds the schema's rows: each tenant's spaces, one long page per system and kind, then short pages."""
    texts = load_texts("wiki")
    for tenant, spaces in texts["spaces"].items():
        for space, children in spaces.items():
            _add_space(making, tenant, space, children)
        for system, team_name in texts["systems"][tenant].items():
            for kind in texts["long"]:
                _add_long_page(making, making.staff.team(tenant, team_name), system, kind)
        for position in range(SHORT_PAGES[tenant]):
            _add_short_page(making, tenant, texts["short"][tenant][position % len(texts["short"][tenant])])


def _add_space(making: Making, tenant: str, space: str, children: list[str]) -> None:
    root = _add_folder(making, tenant, None, space)
    teams = [team for team in making.staff.teams if team.tenant == tenant]
    readers = teams if space == OPEN_SPACE else [making.staff.team(tenant, space)]
    for team in readers:
        _grant(making, root, f"team:{team.id}#member")
    for name in children:
        child = _add_folder(making, tenant, root["id"], name)
        if space != OPEN_SPACE:
            random = making.random("guests", int(str(child["id"])))
            everybody = making.staff.of_tenant(tenant)
            guest = random.choice([person for person in everybody if readers[0] not in person.teams])
            _grant(making, child, f"user:{guest.email}")


def _add_folder(making: Making, tenant: str, parent: Any, name: str) -> Row:
    number = len(making.rows.get("wiki.folders", []))
    random = making.random("folders", number)
    return making.add(
        "wiki.folders",
        {
            "id": FIRST_FOLDER_ID + number,
            "tenant_id": tenant,
            "parent_id": parent,
            "name": name,
            **making.lifetime(random),
        },
    )


def _grant(making: Making, folder: Row, subject: str) -> None:
    making.add(
        "wiki.folder_permissions",
        {"folder_id": folder["id"], "subject": subject, "tenant_id": folder["tenant_id"], "role": "viewer"},
    )


def _add_long_page(making: Making, team: Team, system: str, kind: Any) -> None:
    random = making.random("long_pages", len(making.rows.get("wiki.pages", [])))
    page = making.writer(team, random, {"system": system})
    title = page.write(kind["kind"])
    page.write(LASTING)
    parts = []
    for section in _sections(kind):
        parts.append(f"## {section['heading']}")
        parts.extend(Writer(team.tenant, random, page.facts).sentences(section["sentences"], section["take"]))
    folder = random.choice(_folders_of(making, team.tenant, team.name))
    _add_page(making, team, folder, title, "\n\n".join(parts))


def _sections(kind: Any) -> list[Any]:
    if "sections" in kind:
        return list(kind["sections"])
    by_name = {other["kind"]: other for other in load_texts("wiki")["long"]}
    return [section for name in kind["sections_of"] for section in by_name[name]["sections"]]


def _add_short_page(making: Making, tenant: str, page: Any) -> None:
    random = making.random("short_pages", len(making.rows.get("wiki.pages", [])))
    team = random.choice([team for team in making.staff.teams if team.tenant == tenant])
    writer = making.writer(team, random)
    title = writer.write(page["title"])
    body = "\n\n".join(writer.write(text) for text in page["text"][: random.randint(1, len(page["text"]))])
    space = OPEN_SPACE if random.random() < OPEN_SHARE else team.name
    _add_page(making, team, random.choice(_folders_of(making, tenant, space)), title, body)


def _add_page(making: Making, team: Team, folder: Row, title: str, body: str) -> None:
    number = len(making.rows.get("wiki.pages", []))
    random = making.random("pages", number)
    making.add(
        "wiki.pages",
        {
            "id": FIRST_PAGE_ID + number,
            "tenant_id": team.tenant,
            "folder_id": folder["id"],
            "title": capitalised(title),
            "slug": f"{slug(title)}-{FIRST_PAGE_ID + number}",
            "body": body,
            "author_email": random.choice(making.staff.ordinary(team)).email,
            **making.lifetime(random),
        },
    )


def _folders_of(making: Making, tenant: str, space: str) -> list[Row]:
    """A space's root folder and its children."""
    mine = [row for row in making.rows["wiki.folders"] if row["tenant_id"] == tenant]
    root = next(row for row in mine if row["name"] == space and row["parent_id"] is None)
    return [root, *(row for row in mine if row["parent_id"] == root["id"])]
