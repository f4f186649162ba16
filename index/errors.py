"""What can go wrong with models and vectors.

FreshlineError
├── UnusableText        a text that has no vector: empty, or not text at all (also a ValueError)
├── TextTooLong         a text beyond what the model reads; chunk it first
├── BrokenVector        the model answered with something that is not a unit vector
└── Misconfigured
    ├── ModelUnavailable    the model is neither here nor to be had
    └── ModelDamaged        the model is here, but is not what it should be
"""

from schemas.errors import FreshlineError, Misconfigured


class UnusableText(FreshlineError, ValueError):
    """A text has no vector. `index` says which of those given."""

    code = "unusable_text"

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(f"text {index} cannot be embedded: {reason}")
        self.index = index


class TextTooLong(FreshlineError):
    """A text is longer than the model reads. `index` says which; nothing was cut off or embedded."""

    code = "text_too_long"

    def __init__(self, index: int, tokens: int, limit: int) -> None:
        super().__init__(f"text {index} has {tokens} tokens, the model reads {limit}: chunk it first")
        self.index = index
        self.tokens = tokens
        self.limit = limit


class BrokenVector(FreshlineError):
    """The model's answer is not a unit vector (NaN, zero or of another dimension): its files are damaged."""

    code = "broken_vector"


class ModelUnavailable(Misconfigured):
    """The model is not on this machine and cannot be fetched: run `freshline models prepare`."""

    code = "model_unavailable"


class ModelDamaged(Misconfigured):
    """The model's files are not what they should be: run `freshline models prepare`."""

    code = "model_damaged"
