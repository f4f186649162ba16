"""What leaves: only what the source's database shows the asker now, as it is now, without a gap, and nothing else."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from source_reader_contract import ALICE, BOB, SOURCE, DoubleStage, contract_of

from index.chunk import MAX_CHARACTERS
from index.store import Found, Row
from query.asker import Asker
from query.leave import Asking, Guards, Left, leave, told
from query.ranking.scored import Permits, Scored
from query.ranking.top import Ranked
from query.redact import Redactor
from query.source.confirm import Sources, confirming
from schemas.access import AccessFilter
from schemas.answer import SourceStatus
from schemas.contract import Contract
from schemas.errors import SourceUnconfirmed
from schemas.label import Label
from schemas.position import Position

HERS = Label(tenant="acme", readers=(ALICE.principal.name,))
HIS = Label(tenant="acme", readers=(BOB.principal.name,))
ASIDE = Label(tenant="acme", readers=("user:*",))


@dataclass
class Stage(DoubleStage):
    """An index that found what a test says, and a source of another name that confirms nothing."""

    contract: Contract = field(default_factory=contract_of)
    found: list[Scored] = field(default_factory=list)
    asked: list[tuple[frozenset[str], int]] = field(default_factory=list)
    labels: frozenset[Any] = frozenset({HERS.id, ASIDE.id})
    permits: Permits = lambda records: [True for _ in records]

    def __post_init__(self) -> None:
        super().__init__()

    def find(self, name: str, text: str, **changed: Any) -> None:
        """Each record found is a little less similar than the one before."""
        row = Row(
            record_id=name,
            source=name.split("/")[0],
            table=name.split("/")[1],
            key="{}",
            position=Position(f"{1:016x}"),
            label=HERS.id,
            commit_ms=5,
            event_ms=5,
            chunk=0,
            chunks=1,
            title=f"Title {name.rpartition('/')[2]}",
            text=text,
            url="",
            metadata='{"amount": "12.30", "at": "2026-11-23T03:00:00.000000Z"}',
            text_hash="",
            vector=np.empty(0, dtype=np.float32),
        )
        self.found.append(Scored(Found(replace(row, **changed), 0.5), 1 - len(self.found) / 10_000, 1.0))

    def make(self, number: int, body: str = "a text", owner: Asker = ALICE) -> None:
        """A document that is in the database as it is in the index."""
        self.find(self.put(number, owner, body), body)

    def leave(self, asker: Asker = ALICE, k: int = 3, attributes: Any = None) -> Left:
        guards = Guards(Sources({SOURCE: confirming(self.contract, self.reader)}, 10_000), Redactor([self.contract]))
        access = AccessFilter(self.labels, frozenset({SOURCE, "aside"}))
        return leave(guards, Asking(asker, access, attributes or (lambda label: {}), self.permits), self._top, k)

    def _top(self, access: AccessFilter, limit: int) -> Ranked:
        self.asked.append((access.sources, limit))
        found = [one for one in self.found if one.found.row.source in access.sources]
        return Ranked(found[:limit], len(found), exact=True)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def rows(left: Left) -> list[Row]:
    return [leaving.scored.found.row for leaving in left.records]


def numbers(left: Left) -> list[str]:
    return [row.record_id.rpartition("/")[2] for row in rows(left)]


def test_what_is_the_same_at_the_source_leaves_as_it_was_found(stage: Stage) -> None:
    stage.make(1)
    left = stage.leave()
    assert rows(left) == [stage.found[0].found.row]
    assert (left.records[0].changed, left.exact, left.withheld, left.unconfirmed) == (False, True, {}, frozenset())
    assert left.records[0].confirmed_ms is not None


def test_a_row_taken_from_the_asker_does_not_leave_although_the_index_has_it(stage: Stage) -> None:
    stage.make(1)
    stage.put(1, BOB, "a text")
    left = stage.leave()
    assert (left.records, left.withheld, left.unconfirmed) == ([], {"denied_at_source": 1}, frozenset())


def test_denied_and_gone_look_alike_and_leave_no_gap(stage: Stage) -> None:
    for number in range(1, 30):
        stage.make(number)
    whole = numbers(stage.leave())
    stage.put(1, BOB, "a text")
    stage.delete(2)
    left = stage.leave()
    assert (whole, numbers(left)) == (["1", "2", "3"], ["3", "4", "5"])
    assert (left.exact, left.withheld) == (True, {"denied_at_source": 2})


def test_many_denied_rows_do_not_hide_a_permitted_one(stage: Stage) -> None:
    for number in range(500):
        stage.make(number, owner=BOB)
    stage.make(1000)
    left = stage.leave()
    assert (numbers(left), left.exact) == (["1000"], True)
    named = [name for read in stage.reader.reads for names in read.values() for name in names]
    assert len(named) == len(set(named)) == 501, "no row is asked for twice"
    assert len(stage.reader.deadlines) == 1, "the time limit is for the whole question"


def test_the_row_as_it_is_now_leaves(stage: Stage) -> None:
    name = stage.put(1, ALICE, "before")
    stage.find(name, "before")
    stage.reader.rows[name] |= {"body": "after", "title": "New", "amount": "99.00"}
    row = rows(stage.leave())[0]
    assert (row.text, row.title, json.loads(row.metadata)["amount"]) == ("after", "New", "99.00")
    assert stage.leave().records[0].changed
    assert "before" not in repr(stage.leave())


def test_a_passage_that_the_row_still_has_is_shown_and_else_its_beginning(stage: Stage) -> None:
    long = "beginning " + "word " * 1_500 + "the passage"
    stage.find(stage.put(1, ALICE, long), "the passage", title="Title 1")
    stage.find(stage.put(2, ALICE, long), "no more there", title="Title 2")
    kept, changed = stage.leave().records
    assert (kept.scored.found.row.text, kept.changed) == ("the passage", False)
    text = changed.scored.found.row.text
    assert text.startswith("beginning word")
    assert text.endswith("word")
    assert (len(text) <= MAX_CHARACTERS, changed.changed) == (True, True)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"owner": "user:*"}, "unusable"),
        ({"owner": None}, "unusable"),
        ({"tenant_id": "rival"}, "relabelled"),
        ({"body": "", "title": ""}, "unusable"),
        ({"body": "<html><head><title>502 Bad Gateway</title></head></html>"}, "unusable"),
        ({"body": "x" * 20_000}, "unusable"),
    ],
    ids=str,
)
def test_a_row_that_the_pipeline_would_not_show_now_does_not_leave(
    stage: Stage, columns: dict[str, Any], reason: str
) -> None:
    stage.make(1)
    stage.reader._sees = lambda asker, row: True
    stage.reader.rows[stage.found[0].found.row.record_id] |= columns
    left = stage.leave()
    assert (left.records, left.withheld) == ([], {reason: 1})


def test_a_row_whose_label_is_now_none_of_the_visible_ones_does_not_leave_whatever_the_database_says(
    stage: Stage,
) -> None:
    stage.make(1, owner=BOB)
    assert stage.leave(BOB).withheld == {"relabelled": 1}
    stage.labels |= {HIS.id}
    assert rows(stage.leave(BOB))[0].label == HIS.id


def test_a_row_that_changed_is_judged_again_as_it_is_now(stage: Stage) -> None:
    stage.make(1)
    stage.make(2)
    stage.permits = lambda records: ["secret" not in one.found.row.metadata for one in records]
    stage.reader.rows[stage.found[0].found.row.record_id]["amount"] = "secret"
    assert numbers(stage.leave()) == ["2"]


def test_an_unreachable_database_withholds_its_hits_and_those_of_others_leave(stage: Stage) -> None:
    for number in range(5):
        stage.make(number)
    stage.find("aside/rows/9", "of another source", label=ASIDE.id)
    stage.reader.away = True
    left = stage.leave()
    assert (numbers(left), left.unconfirmed, left.exact) == (["9"], {SOURCE}, True)
    assert left.withheld == {"unconfirmed": 5}
    assert left.records[0].confirmed_ms is None
    assert len(stage.reader.reads) == 1, "a database that is away is not asked again"


@pytest.mark.parametrize("found", [0, 1])
def test_with_nothing_else_to_show_an_unreachable_database_is_a_refusal_whether_or_not_anything_was_found(
    stage: Stage, found: int
) -> None:
    for number in range(found):
        stage.make(number)
    stage.reader.away = True
    with pytest.raises(SourceUnconfirmed):
        stage.leave()


def test_the_database_is_asked_also_where_nothing_was_found(stage: Stage) -> None:
    assert stage.leave().records == []
    assert stage.reader.reads == [{}]


def test_a_table_that_is_enforced_by_the_index_is_not_confirmed(stage: Stage) -> None:
    stage.contract = changed_contract(docs={"enforce": "index"})
    stage.make(1)
    stage.reader.rows.clear()
    left = stage.leave()
    assert (numbers(left), left.records[0].confirmed_ms) == (["1"], None)


def test_a_table_that_is_in_no_contract_any_more_does_not_leave_where_the_whole_source_is_enforced(
    stage: Stage,
) -> None:
    stage.find(f"{SOURCE}/{SOURCE}.former/1", "of a table that was taken out", table=f"{SOURCE}.former")
    assert stage.leave().withheld == {"unconfirmed": 1}


def test_who_may_not_see_a_field_of_the_present_row_gets_the_next_one_instead(stage: Stage) -> None:
    rule = {"needs": {"clearance": ["secret"]}, "when": {"level": ["secret"]}, "instead": "omit"}
    permissions = {"attributes": {"level": "{level}"}, "redact": {"text": rule}}
    stage.contract = changed_contract(permissions=permissions)
    levels = {"secret": label_at("secret"), "open": label_at("open")}
    stage.labels = frozenset(label.id for label in levels.values())
    for number, level in enumerate(("secret", "open", "open", "open")):
        stage.make(number)
        stage.reader.rows[stage.found[-1].found.row.record_id]["level"] = level
    attributes: Callable[[Any], Any] = lambda label: next(  # noqa: E731
        each.attributes for each in levels.values() if each.id == label
    )
    left = stage.leave(attributes=attributes)
    assert (numbers(left), left.withheld) == (["1", "2", "3"], {"redacted": 1})
    cleared = Asker(ALICE.principal, attributes={"clearance": "secret"})
    assert numbers(stage.leave(cleared, attributes=attributes)) == ["0", "1", "2"]


def test_the_status_of_an_unconfirmed_source_is_withheld_and_says_why() -> None:
    status = SourceStatus(source="a", state="fresh", watermark_ms=1, lag_ms=1, slo_ms=1)
    other = status.model_copy(update={"source": "b"})
    one, two = told([status, other], frozenset({"a"}))
    assert (one.state, two) == ("withheld", other)
    assert "could not confirm" in one.detail


def label_at(level: str) -> Label:
    return Label(tenant="acme", readers=HERS.readers, attributes={"level": level})


def changed_contract(docs: dict[str, Any] | None = None, permissions: dict[str, Any] | None = None) -> Contract:
    data = contract_of().model_dump(mode="json", exclude_defaults=True, exclude={"connector"})
    table = data["tables"][f"{SOURCE}.docs"]
    table |= docs or {}
    table["permissions"] |= permissions or {}
    return Contract.model_validate({**data, "connector": {"plugin": "postgres", "config": "x.json"}})
