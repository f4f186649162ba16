from pathlib import Path

from connectors.document import Document, read_document


def document(folder: Path, text: str) -> Document:
    file = folder / "source.yaml"
    file.write_text(text)
    return read_document(file)


def told(found: Document) -> list[tuple[int, str, str]]:
    return [(mistake.line, mistake.where, mistake.what) for mistake in found.mistakes]


def test_every_field_knows_its_line(tmp_path: Path) -> None:
    found = document(tmp_path, "a: 1\nb:\n  - x\n  - c: 2\n    d: 3\n")
    assert found.data == {"a": 1, "b": ["x", {"c": 2, "d": 3}]}
    assert [found.line_of(loc) for loc in ((), ("a",), ("b",), ("b", 0), ("b", 1, "d"))] == [1, 1, 2, 3, 5]


def test_an_absent_field_has_the_line_of_what_is_around_it(tmp_path: Path) -> None:
    found = document(tmp_path, "a:\n  b:\n    c: 1\n")
    assert found.line_of(("a", "b", "missing")) == 2
    assert found.line_of(("a", "b", 0, "c")) == 3


def test_the_line_that_names_a_column_is_found_inside_its_table_only(tmp_path: Path) -> None:
    found = document(tmp_path, "t1:\n  text: '{body}'\nt2:\n  key: [id]\n  text: 'a {body} b'\n")
    assert found.line_naming("body", ("t2",)) == 5
    assert found.line_naming("id", ("t2",)) == 4
    assert found.line_naming("unknown", ("t2",)) == 3


def test_a_key_written_twice_is_a_mistake_at_its_second_line(tmp_path: Path) -> None:
    found = document(tmp_path, "a: 1\nb: {c: 1,\n  c: 2}\na: 3\n")
    assert told(found) == [
        (3, "b.c", "'c' is written twice, first on line 2"),
        (4, "a", "'a' is written twice, first on line 1"),
    ]


def test_merged_mappings_are_no_repeated_keys(tmp_path: Path) -> None:
    found = document(tmp_path, "x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3\n")
    assert found.mistakes == []
    assert found.data["y"] == {"a": 1, "b": 3}
    assert found.line_of(("y", "b")) == 4


def test_broken_yaml_is_reported_at_its_line(tmp_path: Path) -> None:
    found = document(tmp_path, "a: 1\nb: [1, 2\nc: 3\n")
    assert found.data is None
    assert [mistake.line for mistake in found.mistakes] == [3]


def test_a_value_inside_itself_is_a_mistake_not_a_crash(tmp_path: Path) -> None:
    found = document(tmp_path, "a: &a\n  b: *a\n")
    assert found.data is None
    assert [what for _, _, what in told(found)] == ["refers to itself"]


def test_an_empty_file_and_no_text_at_all_are_mistakes(tmp_path: Path) -> None:
    assert "the file is empty" in document(tmp_path, "").mistakes[0].what
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    assert "cannot be read" in read_document(tmp_path / "binary.yaml").mistakes[0].what
    assert "cannot be read" in read_document(tmp_path / "absent.yaml").mistakes[0].what


def test_yaml_tags_run_no_code(tmp_path: Path) -> None:
    found = document(tmp_path, "a: !!python/object/apply:os.getcwd []\n")
    assert found.data is None
    assert "could not determine a constructor" in found.mistakes[0].what
