"""What holds for webhooks wherever they are kept."""

from typing import Any

from query.asker import Asker, Link, Mandate
from query.principal import Principal
from query.webhooks.database import Database
from query.webhooks.store import UNTOLD, Kept, WebhookStore
from schemas.label import LabelId
from schemas.position import Position
from schemas.update import Standing, Update
from schemas.webhook import Webhook

WHO = Asker(Principal("alice@acme.example", "acme"), Mandate(chain=(Link("agent", "r1"),), expires_ms=10**13))


def kept(name: str) -> Kept:
    question = Standing(query="what? 100 % 'quoted'")
    webhook = Webhook(id=name, url="https://example.com/?a=%20", question=question, made_ms=5, expires_ms=10**13)
    return Kept.of(webhook, WHO, "10.0.0.1")


def update(name: str) -> Update:
    fields: dict[str, Any] = {"source": "s", "table": "t", "commit_ms": 1, "event_ms": 1, "kind": "changed"}
    return Update(record_id=name, position=Position("p"), label=LabelId(2**63 - 1), **fields)


class WebhookStoreContract:
    """For a class with a fixture `database`."""

    def test_at_most_so_many_of_one_owner_are_kept_and_found_whole(self, database: Database) -> None:
        store = WebhookStore(database)
        assert [store.add(kept(name), most=2) for name in "abc"] == [True, True, False]
        assert (store.add(kept("a"), most=9), len(store.all())) == (False, 2)
        assert store.get("a") == kept("a")
        assert store.of_owner("acme", "alice@acme.example") == store.all() == [kept("a"), kept("b")]
        assert (store.of_owner("umbrella", "alice@acme.example"), store.get("c")) == ([], None)

    def test_a_delivery_is_taken_by_one_tried_and_settled(self, database: Database) -> None:
        store = WebhookStore(database)
        store.note([("m1", "a", update("1")), ("m2", "a", update("2")), ("m3", "b", update("3"))], 100)
        store.note([("m1", "a", update("1"))], 100)
        taken = store.take(100, 50, 10, [])
        assert [(due.id, due.webhook, due.update) for due in taken] == [
            ("m1", "a", update("1")),
            ("m2", "a", update("2")),
            ("m3", "b", update("3")),
        ]
        assert store.take(149, 50, 10, []) == []
        store.settle("m1", "done")
        store.fail(taken[1], "timed_out", 500)
        store.drop("m3")
        assert store.take(499, 50, 10, []) == []
        assert [due.attempts for due in store.take(500, 50, 10, [])] == [1]
        assert {(one.id, one.state, one.error) for one in store.tried("a", None, 10)} == {
            ("m1", "done", ""),
            ("m2", "due", "timed_out"),
        }

    def test_what_is_dead_can_be_sent_again_and_what_is_old_is_forgotten(self, database: Database) -> None:
        store = WebhookStore(database)
        store.note([("m1", "a", update("1")), ("m2", "a", update("2"))], 100)
        store.settle("m1", "dead", "status_500")
        store.settle("m2", "done")
        assert (store.redeliver("a", 200), store.redeliver("a", 200)) == (1, 0)
        assert [due.id for due in store.take(200, 50, 10, ["b", "c"])] == ["m1"]
        store.forget(done_before_ms=101, dead_before_ms=101)
        assert [one.id for one in store.tried("a", "done", 10)] == []
        store.end("a")
        assert store.take(10_000, 50, 10, []) == []

    def test_what_cannot_be_read_is_left_out_and_holds_nothing_else_up(self, database: Database) -> None:
        store = WebhookStore(database)
        for name in "ab":
            store.add(kept(name), most=9)
        store.note([("m1", "a", update("1")), ("m2", "a", update("2"))], 100)
        database.run("UPDATE freshline_webhooks SET body = '{}' WHERE id = ?", ("a",))
        database.run("UPDATE freshline_deliveries SET body = '{}' WHERE id = ?", ("m1",))
        assert store.all() == [kept("b")]
        assert [due.id for due in store.take(100, 50, 10, [])] == ["m2"]
        assert [due.id for due in store.take(10_000, 50, 10, [])] == ["m2"], "it is not taken for ever"

    def test_what_went_wrong_here_is_listed_and_counted_for_nobody_and_can_be_sent_again(
        self, database: Database
    ) -> None:
        store = WebhookStore(database)
        store.note([("m1", "a", update("1")), ("m2", "a", update("2"))], 100)
        store.settle("m1", "dead", UNTOLD)
        store.settle("m2", "dead", "timed_out")
        assert [one.id for one in store.tried("a", None, 10)] == ["m2"]
        assert store.redeliver("a", 200) == 1
        assert [due.id for due in store.take(200, 50, 10, [])] == ["m1", "m2"]
