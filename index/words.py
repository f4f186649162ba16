"""Words of texts, and their weight: BM25 as a dot product of two sparse vectors.

    BM25(question, chunk) = Σ over the question's words of  idf(word) × occurrence(word, chunk)
    occurrence            = tf × (k1 + 1) / (tf + k1 × (1 − b + b × length / USUAL_LENGTH))
    idf                   = ln(1 + (AMONG − df + 0.5) / (df + 0.5))

(Robertson, Zaragoza: The Probabilistic Relevance Framework: BM25 and Beyond, 2009.) The index keeps the occurrences;
they depend on the chunk alone. `df` counts chunks that the asker is sure to see, so that no score tells of others. Why
not the database's own BM25: its statistics count every chunk, denied ones too, and in Milvus Lite each segment has its
own, so that the score of a chunk changes with a flush or a filter.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from hashlib import blake2b
from itertools import islice

Word = int
"""A word by its hash: a dimension of a sparse vector."""
Weights = Mapping[Word, float]

K1, B = 1.2, 0.75
USUAL_LENGTH = 80
"""Words in a chunk; fixed, so that a chunk's weights never depend on other chunks."""
AMONG = 10_000
COUNTED = 1_000
"""Chunks with a word are counted up to here: a word of more is as common as one of so many."""
HASHES_REMEMBERED = 20_000
"""Words whose hash is at hand: few words make up most of any text."""
MOST_ASKED = 100
"""Words of a question that count. Each takes a search of up to COUNTED chunks, so they must not be as many as fit."""
NO_WORDS: Weights = {0: 1.0}
"""The vector of a chunk without words: Milvus wants one, and no word has dimension 0."""

_TOKEN = re.compile(r"\w+(?:[-./:@#]\w+)*")
_PART = re.compile(r"[^\W_]+")
_SAYING_NOTHING = (
    "a about after all am an and any are as at be been before but by can could did do does for from had has have he "
    "her his how i if in into is it its me my no not of on or our she should so than that the their them then there "
    "these they this to us was we were what when where which who whom whose why will with would you your"
)
_STOP_WORDS = frozenset(_SAYING_NOTHING.split())


def occurrences(text: str) -> Weights:
    """What the index keeps of a chunk's text; never empty."""
    counts = Counter(_hash(word) for word in words(text))
    length = 1 - B + B * counts.total() / USUAL_LENGTH
    return {word: n * (K1 + 1) / (n + K1 * length) for word, n in sorted(counts.items())} or NO_WORDS


def question_words(text: str) -> list[Word]:
    """The words of a question, each once, and no more than MOST_ASKED: the first ones."""
    return sorted({_hash(word) for word in islice(dict.fromkeys(words(text)), MOST_ASKED)})


def weighed(found: Mapping[Word, int]) -> Weights:
    """Words by the number of chunks that have them -> their idf; without those that none has."""
    return {word: idf(count) for word, count in found.items() if count}


def idf(count: int) -> float:
    """Of a word that so many chunks have."""
    df = min(count, COUNTED)
    return math.log(1 + (AMONG - df + 0.5) / (df + 0.5))


def score(weights: Weights, held: Weights) -> float:
    """BM25, from a question's weights and a chunk's occurrences."""
    return sum(weight * held[word] for word, weight in weights.items() if word in held)


def words(text: str) -> Iterator[str]:
    """The words of a text in order, folded: case, width, plural. A code such as `AB-1234` is a word besides its parts;
    words that say nothing of a subject are left out."""
    for token in _TOKEN.findall(unicodedata.normalize("NFKC", text).casefold()):
        parts = _PART.findall(token)
        if len(parts) > 1:
            yield token
        yield from (_singular(part) for part in parts if part not in _STOP_WORDS)


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies") and not word.endswith(("eies", "aies")):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


@lru_cache(maxsize=HASHES_REMEMBERED)
def _hash(word: str) -> Word:
    """Between 1 and 2^31: two words of a large vocabulary may share one, seldom enough not to matter."""
    return 1 + int.from_bytes(blake2b(word.encode(errors="surrogatepass"), digest_size=4).digest()) % (2**31 - 1)
