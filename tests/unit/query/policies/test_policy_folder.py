"""Every policy is found where it stands, and everything that is wrong is told at once, with its line and a remedy."""

import re
from pathlib import Path

import pytest
from policy_stage import PERMIT_ALL, VOCABULARY, Case

from query.policies.folder import read_folder, split
from query.policies.policy_set import PoliciesInvalid, load_policies
from query.policies.vocabulary import Vocabulary
from schemas.contract import Contract
from schemas.errors import Misconfigured

HEAD = "permit(principal, action, resource is Record)"


def mistakes(case: Case, text: str | None = None) -> list[str]:
    if text is not None:
        case.write(text)
    with pytest.raises(PoliciesInvalid) as caught:
        load_policies(case.folder, VOCABULARY)
    return [str(one).replace(f"{case.folder}/", "") for one in caught.value.mistakes]


def test_policies_are_told_apart_whatever_strings_and_comments_hold() -> None:
    text = """// one; "two
permit(principal, action, resource) // ;
when { context.purpose == "; // \\" ;" };

forbid(principal, action, resource);permit(principal,
action, resource);
// the end;
"""
    found = list(split(Path("x"), text))
    assert [(one.line, one.text.split("(")[0]) for one in found] == [(2, "permit"), (5, "forbid"), (5, "permit")]
    assert found[0].text.endswith('"; // \\" ;" };')


def test_a_text_without_its_last_semicolon_is_a_policy_still() -> None:
    (one,) = split(Path("x"), "\n\nforbid(principal, action, resource)")
    assert (one.line, one.text) == (3, "forbid(principal, action, resource)")


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("permit(principal, action, resource) when { context.purpose == };", 1, "is no Cedar policy: unexpected token"),
        (f"{PERMIT_ALL}\nforbid(principal, action, resource)", 3, "is no Cedar policy: unexpected end"),
        ("allow(principal, action, resource);", 1, "is no Cedar policy: invalid policy effect"),
        ('\nforbid(principal, action, resource) when { "x };', 2, "is no Cedar policy: invalid token"),
        ("permit(principal, action, resource);;", 1, "is no Cedar policy: unexpected token `;`"),
        ("permit(principal == ?principal, action, resource);", 1, "has ?principal or ?resource"),
        (f"{HEAD}\nwhen {{ resource.attributes has clasification }};", 2, "did you mean 'classification'?"),
        (f"{HEAD}\nwhen {{ resource has attributes.colour }};", 2, "the source contracts declare: classification"),
        (f"{HEAD}\nwhen {{ principal.attributes has clearence }};", 2, "did you mean 'clearance'?"),
        (f"{HEAD}\nwhen {{ principal.attributes has salary }};", 2, "identities vouch for: clearance, team"),
        (f"{HEAD}\nwhen {{\ncontext.pupose == 3 }};", 3, "context has no 'pupose'; did you mean 'purpose'?"),
        (f'{HEAD} when {{ resource.attributes.region == "x" }};', 1, "test it before"),
        (f"{HEAD} when {{ resource.attributes has region && resource.attributes.region == 3 }};", 1, "are strings"),
        (f"{HEAD} when {{ resource.attributes has region && resource.attributes.region > 3 }};", 1, "are strings"),
        (
            f'{HEAD} when {{ resource.metadata has priority && resource.metadata.priority < "5" }};',
            1,
            "saw String; attributes and",
        ),
        ('permit(principal, action == Action::"serch", resource);', 1, "actions are search, get, explain, freshness"),
        ("permit(principal, action, resource is Recrd);", 1, "types are User, Record and Service"),
        ('permit(principal, action == Action::"audit", resource is Record);', 1, "have the Service"),
        ('permit(principal, action, resource) when { resource.source == "x" };', 1, "write `resource is Record`"),
        ('permit(principal == User::"alice", action, resource);', 1, "compare principal.subject with the text"),
        ('permit(principal, action, resource == Record::"1");', 1, "compare an attribute of resource"),
        (f'{HEAD} when {{ context has address && context.address.isInRange(ip("300.0.0.0/8")) }};', 1, "IP address"),
        (f'{HEAD} when {{ context.at < datetime("2020-13-01") }};', 1, "correct this value"),
        (f"{HEAD} when {{ context.address.isLoopback() }};", 1, "test it before"),
        (f"{HEAD} when {{ context.purpose }};", 1, "expected Bool but saw String"),
        (f'@id("x") {PERMIT_ALL}\n@id("x") {PERMIT_ALL}', 3, "@id 'x' is already taken at base.cedar:1"),
        ("// only a comment\n", 0, "holds no policy"),
    ],
)
def test_a_broken_policy_is_refused_with_its_line_and_what_to_do(case: Case, text: str, line: int, what: str) -> None:
    found = mistakes(case, text)
    place = f"base.cedar:{line}: " if line else "base.cedar: "
    assert any(one.startswith(place) and what in one for one in found), found
    assert all(";" in one for one in found)


def test_everything_wrong_in_every_file_is_told_at_once(case: Case) -> None:
    case.write(PERMIT_ALL + "permit(principal);\nforbid(principal, action, resource) when { context.x };", "a.cedar")
    case.write("nonsense", "b.cedar")
    (case.folder / "c.cedar").write_bytes(b"permit\xff")
    (case.folder / "forbid.ceder").write_text(PERMIT_ALL)
    (case.folder / "more").mkdir()
    found = [re.match(r"[^ ]*(?=: )", one) for one in mistakes(case)]
    places = {one.group() for one in found if one}
    assert places >= {"a.cedar:2", "a.cedar:3", "b.cedar:1", "c.cedar", "forbid.ceder", "more"}


def test_a_folder_without_policies_is_refused(case: Case) -> None:
    assert mistakes(case) == [
        f"{case.folder}: there is no policy here, so nothing would be permitted; "
        "add base.cedar with: permit(principal, action, resource);"
    ]


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="the policy folder cannot be read"):
        load_policies(tmp_path / "nowhere", VOCABULARY)


def test_notes_the_schema_and_what_editors_leave_behind_may_lie_beside(case: Case) -> None:
    case.write(PERMIT_ALL)
    for name in ("README.md", "schema.cedarschema", ".base.cedar.swp", "base.cedar~"):
        case.write("anything", name)
    assert len(load_policies(case.folder, VOCABULARY).by_id) == 1


def test_the_version_is_of_the_content_alone(case: Case) -> None:
    case.write(PERMIT_ALL)
    first = load_policies(case.folder, VOCABULARY).version
    assert re.fullmatch("[0-9a-f]{64}", first)
    case.write("a note", "README.md")
    assert load_policies(case.folder, VOCABULARY).version == first
    assert load_policies(case.folder, Vocabulary()).version != first, "the same words may mean something else"
    case.write(PERMIT_ALL + "// a comment\n")
    assert load_policies(case.folder, VOCABULARY).version != first


def test_files_are_one_set_in_the_order_of_their_names(case: Case) -> None:
    case.write('@id("b1") ' + PERMIT_ALL + PERMIT_ALL, "b.cedar")
    case.write('@id("a1") ' + PERMIT_ALL, "a.cedar")
    names = [policy.name for policy in load_policies(case.folder, VOCABULARY).by_id.values()]
    assert names == ["a1", "b1", "b.cedar:2"]
    assert read_folder(case.folder).mistakes == ()


def test_the_words_of_policies_come_from_the_contracts() -> None:
    table = {
        "key": ["id"],
        "text": "{body}",
        "metadata": ["status"],
        "permissions": {"tenant": "{t}", "readers": ["user:{o}"], "attributes": {'od"d\n': "{a}", "region": "{r}"}},
    }
    contract = Contract.model_validate(
        {"source": "s", "connector": {"plugin": "postgres", "config": "c"}, "tables": {"a.b": table}}
    )
    vocabulary = Vocabulary.of([contract], vouched=["clearance"])
    assert vocabulary == Vocabulary(frozenset({'od"d\n', "region"}), frozenset({"status"}), frozenset({"clearance"}))
    text = vocabulary.schema_text()
    assert '"od\\"d\\n"?: String' in text
    assert "clearance?: String" in text
    assert "__cedar" not in text
