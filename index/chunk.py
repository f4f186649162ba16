"""Cuts a long text into chunks the embedder can read, so that an edit changes only the chunks around it.

The rule: a text that fits is one chunk. One that does not is cut in two at its *weakest gap*, and so on with
both halves. Gaps between paragraphs are weaker than those between sentences, then words, then characters;
among equals the weakest is that whose surroundings (32 characters to either side) hash lowest.

Why not fill one chunk after another: then a word inserted at the top moves every later boundary, and the
whole record is embedded again. Here a gap's weakness depends on its surroundings alone, never on what stands
before or how much. A stretch of text is a chunk exactly if both its ends are weaker than every gap inside it,
it fits, and the next larger such stretch does not. So an edit can change a chunk only if that chunk, or the
larger stretch it would join, touches the edit: all changes lie within a few chunks' length of it, whatever
the length of the text. (The price: chunks are on average a bit over half full. The exception: a long run of
verbatim repeats, whose gaps are all equally weak, is cut in the middle.) There is no overlap: it would embed
text twice and spread each edit.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from itertools import pairwise

CountTokens = Callable[[Sequence[str]], list[int]]
Fits = Callable[[str], bool]
Cut = Callable[[str], list[int]]

MAX_CHARACTERS = 4_000
"""No chunk is longer, however few its tokens: a model may read an unbroken string as one unknown word."""
SURROUNDINGS = 32
HEADING_CHARACTERS = 60
"""A paragraph this short is taken for a heading or a greeting, and holds on to what follows it."""

BLANK_LINE = re.compile(r"\n[^\S\n]*\n\s*")
SENTENCE_END = re.compile(r"""[.!?…]["'”’)\]]*\s+|[。！？]\s*|\n\s*""")
SPACE = re.compile(r"\s+")


def chunk(text: str, count_tokens: CountTokens, limit: int, title: str = "") -> list[str]:
    """The chunks of `text` in order, stripped of outer space; none if the text is blank.

    Each fits: `embedding_text(title, chunk)` has at most `limit` tokens, special tokens included. No other
    character than space is lost. Deterministic. Raises ValueError if `limit` leaves no room beside the title:
    `clip` it first.
    """

    def fits(part: str) -> bool:
        return len(part) <= MAX_CHARACTERS and count_tokens([embedding_text(title, part)])[0] <= limit

    return list(_chunks(text, 0, fits))


def embedding_text(title: str, part: str) -> str:
    """What is embedded for a chunk: the title gives it the context that it lost by being cut out."""
    return f"{title}\n{part}" if title else part


def clip(text: str, count_tokens: CountTokens, limit: int) -> str:
    """As many whole words of `text` from its start as fit in `limit` tokens, single-spaced; for titles."""
    words = text[:MAX_CHARACTERS].split()
    fitting, too_many = 0, len(words) + 1
    while too_many - fitting > 1:
        middle = (fitting + too_many) // 2
        if count_tokens([" ".join(words[:middle])])[0] <= limit:
            fitting = middle
        else:
            too_many = middle
    return " ".join(words[:fitting])


def _chunks(text: str, level: int, fits: Fits) -> Iterator[str]:
    """Chunks of `text`, cut at gaps of this level, and of the next where a piece alone does not fit."""
    if level == len(LEVELS):
        raise ValueError("the token limit leaves no room for a single character beside the title: shorten the title")
    ends = [0, *LEVELS[level](text), len(text)]
    weakness = [_weakness(text, end) for end in ends]
    pending = [(0, len(ends) - 1)]
    while pending:
        first, last = pending.pop()
        part = text[ends[first] : ends[last]].strip()
        if not part or fits(part):
            yield from filter(None, [part])
        elif last - first == 1:
            yield from _chunks(part, level + 1, fits)
        else:
            middle = (first + last) / 2
            cut = min(range(first + 1, last), key=lambda gap: (weakness[gap], abs(gap - middle)))
            pending += [(cut, last), (first, cut)]


def _weakness(text: str, gap: int) -> bytes:
    around = text[max(0, gap - SURROUNDINGS) : gap], text[gap : gap + SURROUNDINGS]
    return blake2b("\0".join(around).encode(errors="surrogatepass"), digest_size=8).digest()


def _paragraphs(text: str) -> list[int]:
    ends = [match.end() for match in BLANK_LINE.finditer(text)]
    return [
        end
        for start, end in pairwise([0, *ends])
        if end < len(text) and len(text[start:end].strip()) > HEADING_CHARACTERS
    ]


def _sentences(text: str) -> list[int]:
    return [match.end() for match in SENTENCE_END.finditer(text) if match.end() < len(text)]


def _words(text: str) -> list[int]:
    return [match.end() for match in SPACE.finditer(text) if match.end() < len(text)]


def _characters(text: str) -> list[int]:
    """Between any two characters, but not before one that combines with the last (an accent)."""
    return [index for index in range(1, len(text)) if not unicodedata.combining(text[index])]


LEVELS: tuple[Cut, ...] = (_paragraphs, _sentences, _words, _characters)
