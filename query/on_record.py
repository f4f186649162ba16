"""What is told about one record goes on record like any answer: before it leaves, refusals too."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from query.asker import Asker, Circumstances
from query.clock import Instant
from query.decisions.recorder import Facts, Recorder
from schemas.answer import Answer, Question
from schemas.decision import AboutRecords
from schemas.errors import RecordUnavailable, Refused

MOST_QUERY = 2_000


@dataclass(frozen=True, slots=True)
class Telling:
    """One asker about to be told about one record. `lag_ms`: age of the permission view when it asked."""

    recorder: Recorder
    operation: AboutRecords
    asker: Asker
    circumstances: Circumstances
    record_id: str
    lag_ms: int | None

    @contextmanager
    def refusals_recorded(self) -> Iterator[None]:
        """Raises RecordUnavailable in place of a refusal that could not be put on record."""
        try:
            yield
        except RecordUnavailable:
            raise
        except Refused as refused:
            self._record(Facts(view_lag_ms=self.lag_ms, operation=self.operation), refused)
            raise

    def recorded(self, policy_version: str, withheld: Mapping[str, int], given: Answer) -> str:
        """The id of the record of `given`, which may leave now."""
        return self._record(Facts(policy_version, self.lag_ms, withheld, self.operation), given)

    def _record(self, facts: Facts, outcome: Answer | Refused) -> str:
        asked = Question(query=self.record_id[:MOST_QUERY], limit=1, purpose=self.circumstances.purpose)
        return self.recorder.record_answer(self.asker, self.circumstances, asked, facts, outcome)


def lag_of(as_of: float | None, now: Instant) -> int | None:
    """Milliseconds since the view was complete."""
    return None if as_of is None else max(0, round((now.steady - as_of) * 1000))
