"""A row whose key was changed is followed to its old key for a value that its messages do not carry."""

import orjson
from stream_stage import RawTopic, envelope

from schemas.template import PLACEHOLDER
from streams.decode import RawEvent
from streams.past import OLD_KEY, renamed_from, values_before

UNSENT = {"body": PLACEHOLDER}


def key(number: int) -> bytes:
    return orjson.dumps({"id": number})


def rename(topic: RawTopic, old: int, new: int, lsn: int) -> RawEvent:
    """The delete, tombstone and create of a changed key, each key in a partition of its own."""
    topic.append(key(old), envelope("d", lsn=lsn), old)
    topic.append(key(old), None, old)
    created = envelope("c", lsn=lsn, id=new, **UNSENT)
    created["transaction"]["total_order"] = 2
    return topic.append(key(new), created, new, ((OLD_KEY, key(old)),))


def test_a_row_is_followed_through_changes_of_its_key() -> None:
    topic = RawTopic(partitions=4)
    topic.append(key(1), envelope("c", lsn=10, body="the text"), 1)
    rename(topic, 1, 2, lsn=20)
    created = rename(topic, 2, 3, lsn=30)
    assert values_before(created, topic) == {"body": "the text"}
    assert values_before(topic.append(key(3), envelope("u", lsn=40, **UNSENT), 3), topic) == {"body": "the text"}


def test_a_change_of_key_that_the_connector_sent_twice_is_followed_all_the_same() -> None:
    topic = RawTopic(partitions=4)
    topic.append(key(1), envelope("c", lsn=10, body="the text"), 1)
    rename(topic, 1, 2, lsn=20)
    assert values_before(rename(topic, 1, 2, lsn=20), topic) == {"body": "the text"}


def test_a_row_that_took_the_old_key_later_is_another_row() -> None:
    topic = RawTopic(partitions=4)
    topic.append(key(1), envelope("c", lsn=10, body="right"), 1)
    created = rename(topic, 1, 2, lsn=20)
    topic.append(key(1), envelope("c", lsn=30, body="wrong"), 1)
    topic.append(key(1), envelope("d", lsn=40), 1)
    assert values_before(created, topic) == {"body": "right"}


def test_an_old_key_of_which_nothing_is_kept_gives_nothing() -> None:
    topic = RawTopic()
    assert values_before(topic.append(key(2), envelope("c", **UNSENT), 0, ((OLD_KEY, key(1)),)), topic) == {}


def test_the_old_key_is_spelt_as_its_messages_spell_it() -> None:
    topic = RawTopic()
    enveloped = topic.append({"schema": {}, "payload": {"id": 2}}, envelope("c"), 0, ((OLD_KEY, key(1)),))
    assert renamed_from(enveloped) == orjson.dumps({"schema": {}, "payload": {"id": 1}})
    assert renamed_from(topic.append(key(2), envelope("c"))) is None
    assert renamed_from(topic.append(key(2), envelope("c"), 0, ((OLD_KEY, b"Struct{id=1}"),))) is None
