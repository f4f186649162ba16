import pytest

from query.follow import CatchUp, Lost, take
from query.held_progress import HeldProgress
from query.principal import Principal
from query.view import PermissionView
from schemas.label import Label, LabelDefinition
from schemas.position import Position
from schemas.progress import Progress
from schemas.relation import Grant, RelationTuple
from schemas.topics import LABELS, PROGRESS, RELATIONS

ALICE = Principal("alice@acme.example", "acme")
TEAM = Label(tenant="acme", readers=("team:7#member",))
GRANT = Grant(
    record_id="helpdesk/helpdesk.members/1",
    position=Position("1"),
    commit_ms=0,
    tuples=(RelationTuple(tenant="acme", object="team:7", relation="member", subject=ALICE.name),),
)


def test_the_view_is_complete_as_of_the_question_once_all_it_told_of_is_read() -> None:
    catch_up = CatchUp()
    assert catch_up.complete_as_of is None
    catch_up.aim(10.0, {(LABELS, 0): 2, (PROGRESS, 0): 0})
    assert catch_up.complete_as_of is None
    catch_up.reached((LABELS, 0), 1)
    assert catch_up.complete_as_of is None
    catch_up.reached((LABELS, 0), 2)
    assert catch_up.complete_as_of == 10.0


def test_new_messages_make_the_view_incomplete_until_read() -> None:
    catch_up = CatchUp()
    catch_up.aim(10.0, {(LABELS, 0): 1})
    catch_up.reached((LABELS, 0), 1)
    catch_up.aim(11.0, {(LABELS, 0): 5})
    assert catch_up.complete_as_of is None
    catch_up.reached((LABELS, 0), 5)
    assert catch_up.complete_as_of == 11.0


def test_a_topic_shorter_than_what_was_read_is_another_topic() -> None:
    catch_up = CatchUp()
    catch_up.reached((RELATIONS, 0), 9)
    with pytest.raises(Lost):
        catch_up.aim(10.0, {(RELATIONS, 0): 3})


def test_messages_of_each_topic_reach_the_view() -> None:
    view, held = PermissionView(), HeldProgress()
    progress = Progress(source="helpdesk", watermark_ms=7, position=Position("1"), measured_ms=8, grants={})
    take(view, held, LABELS, b"1", LabelDefinition.of(TEAM).model_dump_json().encode())
    take(view, held, RELATIONS, GRANT.record_id.encode(), GRANT.model_dump_json().encode())
    take(view, held, PROGRESS, b"helpdesk", progress.model_dump_json().encode())
    assert held.ready({}) == [progress]
    assert view.visible(ALICE).labels == {TEAM.id}
    assert view.watermark_ms("helpdesk") is None


def test_a_lower_watermark_seen_again_does_not_set_a_source_back() -> None:
    view = PermissionView()
    for at in (7, 5):
        view.advance(
            Progress(source="helpdesk", watermark_ms=at, position=Position(str(at)), measured_ms=at, grants={})
        )
    assert view.watermark_ms("helpdesk") == 7


@pytest.mark.parametrize("value", [None, b"", b"{", b"\xff\xfe", b"[]", b'{"id": "x"}', b"[" * 100_000])
@pytest.mark.parametrize("topic", [LABELS, RELATIONS, PROGRESS])
def test_an_unreadable_message_is_counted_and_nothing_else_happens(topic: str, value: bytes | None) -> None:
    view, held = PermissionView(), HeldProgress()
    take(view, held, topic, None, value)
    assert view.ignored == {f"malformed in {topic}": 1}


def test_a_row_whose_grant_cannot_be_read_grants_nothing_until_a_readable_one_comes() -> None:
    view, held = PermissionView(), HeldProgress()
    view.define(LabelDefinition.of(TEAM))
    view.relate(GRANT)
    take(view, held, RELATIONS, GRANT.record_id.encode(), b"{")
    assert view.visible(ALICE).labels == frozenset()
    view.relate(GRANT.model_copy(update={"position": Position("2")}))
    assert view.visible(ALICE).labels == {TEAM.id}
