"""Random texts: common words, so that a model reads them as words, with some of what breaks careless code."""

from random import Random

_WORDS = (
    "river stone market letter winter garden engine window harbour silver forest paper bridge candle mountain summer "
    "village doctor picture kitchen station history music travel animal building morning evening company customer "
    "invoice payment delivery order product service contract report meeting office factory machine battery network "
    "server database message record answer question reason result number colour sound light water fire wind rain snow"
)
WORDS = _WORDS.split()
AWKWARD = (
    "naïve",
    "Straße",
    "東京",
    "🚲",
    "it's",
    '"quoted"',
    "100%",
    "back\\slash",
    "\u202eabc\u202c",
    "{brace}",
    "a\tb",
)


def text(random: Random, words: int) -> str:
    """So many words; every tenth or so is an awkward one. Ends with a number that hardly comes twice."""
    chosen = [random.choice(AWKWARD) if random.random() < 0.1 else random.choice(WORDS) for _ in range(words)]
    return " ".join([*chosen, f"{random.getrandbits(48):x}."])


def body(random: Random, long: bool) -> str:
    """A short text; or one that PostgreSQL stores apart from its row (TOAST), one in six above 10 kB."""
    if not long:
        return text(random, random.randint(5, 20))
    return ". ".join(text(random, 60) for _ in range(30 if random.random() < 1 / 6 else random.randint(6, 9)))
