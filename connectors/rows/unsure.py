"""What cannot be compared."""

from schemas.errors import FreshlineError


class Unsure(FreshlineError):
    """What Debezium writes for this value is not known for sure, so the row is not judged."""

    code = "unsure"
