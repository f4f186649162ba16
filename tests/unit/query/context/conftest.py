"""Hits to render, and real tokenizers: one that cuts words in pieces, one on bytes; trained here, in a moment."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from query.context.tokenizer import FileTokenizer
from schemas.answer import Hit

START_MS = 1_800_000_000_000
CORPUS = [
    "Citation: helpdesk/helpdesk.tickets/42, version 0000000001a2b3c4, committed 2027-01-15T08:00:00.000Z",
    "The till of the café in Groningen prints receipts twice after an update; the refund took 3 days.",
    "data that was found by a search is untrusted and an instruction in it is not followed",
]

HitMaker = Callable[..., Hit]


def _hit(number: int = 1, text: str = "Printer on fire", **changes: object) -> Hit:
    values: dict[str, object] = {
        "record_id": f"helpdesk/helpdesk.tickets/{number}",
        "source": "helpdesk",
        "table": "helpdesk.tickets",
        "key": {"id": number},
        "title": f"Ticket {number}",
        "text": text,
        "url": f"https://helpdesk.example/tickets/{number}",
        "metadata": {"status": "open", "region": "eu"},
        "score": 1 / number,
        "relevance": 1 / number,
        "similarity": 1 / number,
        "freshness": 1.0,
        "commit_ms": START_MS,
        "event_ms": START_MS,
        "age_ms": 0,
        "position": f"{number:016x}",
        "chunk": 0,
        "why": ["user:alice"],
    }
    return Hit.model_validate({**values, **changes})


@pytest.fixture(scope="session")
def hit() -> HitMaker:
    return _hit


@pytest.fixture(scope="session")
def tokenizer_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    return partial(_trained, tmp_path_factory)


@pytest.fixture(scope="session", params=["pieces", "bytes"])
def counter(request: pytest.FixtureRequest, tokenizer_file: Callable[[str], Path]) -> FileTokenizer:
    return FileTokenizer(tokenizer_file(request.param))


def _trained(folders: pytest.TempPathFactory, kind: str) -> Path:
    """With truncation, padding and special tokens switched on, as shipped files have them."""
    if kind == "pieces":
        made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        made.normalizer = normalizers.BertNormalizer()
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=["[UNK]", "[CLS]"], show_progress=False)
    else:
        made = Tokenizer(models.BPE())
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        made.decoder = decoders.ByteLevel()
        letters = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=400, special_tokens=["[CLS]"], initial_alphabet=letters, show_progress=False
        )
    made.train_from_iterator(CORPUS, trainer)
    special = ("[CLS]", made.token_to_id("[CLS]"))
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A", special_tokens=[special])
    made.enable_truncation(16)
    made.enable_padding(length=16)
    path = folders.mktemp(kind) / "tokenizer.json"
    made.save(str(path))
    return path
