from pathlib import Path

from connectors.config_file import read_config


def write(folder: Path, text: str) -> Path:
    file = folder / "shop.debezium.json"
    file.write_text(text)
    return file


def test_options_become_text_and_keep_their_lines(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, '{\n  "a": true,\n  "b" : 50,\n  "c": "x", "d": 0.5\n}'))
    assert config.options == {"a": "true", "b": "50", "c": "x", "d": "0.5"}
    assert config.lines == {"a": 2, "b": 3, "c": 4, "d": 4}
    assert config.mistakes == ()


def test_broken_json_is_reported_at_its_line(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, '{\n  "a": 1,\n  "b": \n}'))
    assert [(mistake.line, mistake.what) for mistake in config.mistakes] == [(4, "not valid JSON: Expecting value")]


def test_an_option_written_twice_is_a_mistake(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, '{\n  "a": 1,\n  "a": 2\n}'))
    assert [(mistake.where, mistake.what) for mistake in config.mistakes] == [("a", "is written twice")]


def test_nested_options_are_mistakes_and_wrapped_ones_are_told_how_to_unwrap(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, '{"name": "x", "config": {"a": 1}, "list": [1], "none": null}'))
    assert [(mistake.where, mistake.what) for mistake in config.mistakes] == [
        ("config", "the options are wrapped"),
        ("list", "is not a plain value"),
        ("none", "is not a plain value"),
    ]


def test_what_is_no_object_or_no_file_is_a_mistake(tmp_path: Path) -> None:
    assert read_config(write(tmp_path, "[1]")).mistakes[0].what == "not a JSON object"
    assert "cannot be read" in read_config(tmp_path / "absent.json").mistakes[0].what
