"""Counts what a text takes in a prompt, by a tokenizer that has a name."""

import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from tokenizers import Tokenizer

from index.embedder import Embedder
from schemas.errors import Misconfigured

DIGEST = 12
_UNBROKEN = re.compile(r"\S{100}(?=\S)")
"""A WordPiece model reads a longer word as one unknown token."""


class TokenCounter(Protocol):
    """Thread-safe, and the same for the same text. Nothing is cut off, no special token is counted."""

    @property
    def name(self) -> str:
        """Told with each count."""
        ...

    def count(self, texts: Sequence[str]) -> list[int]: ...


class FileTokenizer:
    """A `tokenizer.json`, as models on the Hugging Face hub ship it."""

    def __init__(self, path: Path) -> None:
        """Raises Misconfigured for a file that is no tokenizer."""
        try:
            content = path.read_bytes()
            self._tokenizer = Tokenizer.from_buffer(content)
        except Exception as error:  # tokenizers raises a bare Exception
            why = error.strerror if isinstance(error, OSError) else "it is no tokenizer.json"
            raise Misconfigured(f"FRESHLINE_TOKENIZER: {path} cannot be read: {why}") from None
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        stem = path.parent.name if path.name == "tokenizer.json" else path.stem
        self.name = f"{stem or 'tokenizer'} sha256:{sha256(content).hexdigest()[:DIGEST]}"

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(one.ids) for one in self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]


class EmbedderTokenizer:
    """The embedder's own. A word of more than a hundred characters counts as words of a hundred."""

    def __init__(self, embedder: Embedder) -> None:
        self.name = embedder.spec.name
        self._embedder = embedder
        [self._frame] = embedder.count_tokens([""])

    def count(self, texts: Sequence[str]) -> list[int]:
        broken = [_UNBROKEN.sub(r"\g<0> ", text) for text in texts]
        counts = zip(self._embedder.count_tokens(texts), self._embedder.count_tokens(broken), strict=True)
        return [max(pair) - self._frame for pair in counts]


def file_tokenizer(path: Path | None) -> FileTokenizer | None:
    """The tokenizer that FRESHLINE_TOKENIZER names, if it names any. Raises Misconfigured."""
    return None if path is None else FileTokenizer(path)
