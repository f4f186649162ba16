"""Counting: everything, nothing twice, and by a tokenizer one can name."""

import re

import pytest

from index.hash_embedder import HashEmbedder
from query.context.tokenizer import EmbedderTokenizer, FileTokenizer, file_tokenizer
from schemas.errors import Misconfigured


def test_a_text_beyond_the_files_truncation_is_counted_to_its_end(counter):
    assert counter.count(["refund " * 1000])[0] >= 1000


def test_padding_and_special_tokens_are_not_counted(counter):
    assert counter.count(["", "the"])[0] == 0
    assert 1 <= counter.count(["the"])[0] <= 3


def test_each_text_is_counted_by_itself(counter):
    assert counter.count(["the till", "refund"]) == [*counter.count(["the till"]), *counter.count(["refund"])]


def test_a_file_is_named_by_its_folder_and_digest_and_never_by_its_path(tokenizer_file):
    path = tokenizer_file("pieces")
    name = FileTokenizer(path).name
    assert re.fullmatch(rf"{path.parent.name} sha256:[0-9a-f]{{12}}", name)
    assert "/" not in name


def test_a_file_with_a_name_of_its_own_is_named_by_that(tokenizer_file, tmp_path):
    own = tmp_path / "claude.json"
    own.write_bytes(tokenizer_file("bytes").read_bytes())
    assert FileTokenizer(own).name.startswith("claude sha256:")


def test_what_is_no_tokenizer_is_refused_at_start(tmp_path):
    (tmp_path / "broken.json").write_text("{}")
    for name in ("broken.json", "absent.json"):
        with pytest.raises(Misconfigured, match="FRESHLINE_TOKENIZER"):
            file_tokenizer(tmp_path / name)


def test_without_a_file_there_is_none():
    assert file_tokenizer(None) is None


def test_the_embedders_own_counts_beyond_the_models_limit_and_without_special_tokens():
    counter = EmbedderTokenizer(HashEmbedder(max_tokens=8))
    assert counter.count(["", "one two", "one " * 100]) == [0, 2, 100]
    assert counter.name == "freshline/hash"


def test_an_unbroken_text_does_not_count_as_a_single_unknown_word(tokenizer_file):
    class Pieces(HashEmbedder):
        def count_tokens(self, texts):
            return FileTokenizer(tokenizer_file("pieces")).count(texts)

    assert Pieces().count_tokens(["a" * 3000]) == [1]
    assert EmbedderTokenizer(Pieces()).count(["a" * 3000])[0] >= 30
