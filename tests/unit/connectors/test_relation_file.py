from pathlib import Path

import pytest

import connectors.relation_file
from connectors.load import load
from connectors.relation_file import RELATIONS_FILE, RelationsInvalid, load_relations, write_relations_schema
from schemas.contract import Contract
from schemas.relation_model import RelationModel

COMMITTED = Path(connectors.relation_file.__file__).with_name("relations.schema.json")
WIKI = Contract.model_validate(
    {
        "source": "wiki",
        "connector": {"plugin": "postgres", "config": "wiki.debezium.json"},
        "tables": {
            "wiki.pages": {
                "key": ["id"],
                "text": "{body}",
                "permissions": {"tenant": "{t}", "readers": ["folder:{f}#viewer"], "denied": ["page:{id}#baned"]},
            },
            "wiki.members": {
                "key": ["id"],
                "relation": [
                    {"tenant": "{t}", "object": "folder:{f}", "relation": "viewer", "subject": "user:{u}"},
                    {"tenant": "{t}", "object": "folder:{f}", "relation": "owner", "subject": "{anybody}"},
                    {"tenant": "{t}", "object": "team:{f}", "relation": "member", "subject": "team:{p}#member"},
                ],
            },
        },
    }
)


def mistakes(folder: Path, text: str, *contracts: Contract) -> list[tuple[int, str, str]]:
    (folder / RELATIONS_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(RelationsInvalid) as told:
        load_relations(folder, contracts)
    return [(one.line, one.where, f"{one.what}; {one.todo}") for one in told.value.mistakes]


def test_without_a_file_there_is_an_empty_model(tmp_path: Path) -> None:
    assert load_relations(tmp_path, [WIKI]) == RelationModel()


def test_what_the_file_says_is_the_model(tmp_path: Path) -> None:
    (tmp_path / RELATIONS_FILE).write_text("types:\n  folder:\n    up: this\n    viewer: this or viewer from up\n")
    assert str(load_relations(tmp_path).types["folder"]["viewer"]) == "this or viewer from up"


def test_every_mistake_is_told_at_once_with_its_line_and_a_remedy(tmp_path: Path) -> None:
    text = """typs: {}
types:
  folder:
    up: this or editor
    viewer: this or editr from up
    editor: this but not (banned
    banned: this but not pardoned
    pardoned: banned
  Page: {viewer: this}
  team: {}
  note:
    viewer: 3
    viewer: this
"""
    found = mistakes(tmp_path, text)
    assert [(line, where) for line, where, _ in found] == [
        (1, "typs"),
        (5, "types.folder.viewer"),
        (5, "types.folder.viewer"),
        (6, "types.folder.editor"),
        (7, "types.folder.banned"),
        (9, "types.Page"),
        (10, "types.team"),
        (13, "types.note.viewer"),
    ]
    said = "\n".join(words for _, _, words in found)
    for words in ("did you mean 'types'", "did you mean 'editor'", "add the `)`", "make 'up' `this`", "written twice"):
        assert words in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("[]", "begin with `types:`"),
        ("types: []", "name: value"),
        ("types: {page: this}", "name: value"),
        ("types: {page: {viewer: 3}}", "write the rewrite as text"),
        ("types: {page: {viewer: &a [*a]}}", "refers to itself"),
        ("types: {page: {a: b c}}", "join with `or`"),
    ],
)
def test_a_file_of_another_shape_is_refused_in_words(tmp_path: Path, text: str, says: str) -> None:
    assert any(says in words for _, _, words in mistakes(tmp_path, text))


def test_what_contracts_write_or_name_and_the_model_does_not_know_is_a_mistake(tmp_path: Path) -> None:
    text = "types:\n  folder:\n    writer: this\n    viewer: writer\n  page:\n    banned: this\n"
    assert [(line, words.split(";")[0]) for line, _, words in mistakes(tmp_path, text, WIKI)] == [
        (2, "wiki, wiki.members writes tuples of 'owner', which 'folder' does not have"),
        (4, "wiki, wiki.members writes tuples of it, which do not count without `this`"),
        (5, "wiki, wiki.pages names page:{id}#baned, and 'page' has no relation 'baned'"),
    ]


def test_the_file_is_not_taken_for_a_contract(tmp_path: Path) -> None:
    sources = Path(connectors.relation_file.__file__).with_name("sources")
    for file in sources.glob("wiki.*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / RELATIONS_FILE).write_text("types:\n  folder:\n    viewer: this\n")
    assert [contract.source for contract in load(tmp_path)] == ["wiki"]
    assert load_relations(tmp_path, load(tmp_path)).types


def test_the_committed_schema_is_up_to_date(tmp_path: Path) -> None:
    write_relations_schema(tmp_path / "schema.json")
    assert (tmp_path / "schema.json").read_text() == COMMITTED.read_text(), "generate it again: see relation_file.py"
