"""Labels that intake meets: each is told of before the changes that have it, and not more often than need be."""

import pytest
from stream_stage import CONTRACT, Kafka, RawTopic, envelope, raw

from schemas.errors import Unavailable
from streams import taking as taking_module
from streams.intake import tables_by_topic
from streams.taking import Taking


@pytest.fixture
def kafka() -> Kafka:
    return Kafka()


@pytest.fixture
def taking() -> Taking:
    return Taking(tables_by_topic([CONTRACT]), RawTopic(partitions=2), 1000, 3)


async def test_a_label_is_defined_once_and_again_when_sending_it_failed(taking: Taking, kafka: Kafka) -> None:
    kafka.error = Unavailable("Kafka")
    with pytest.raises(Unavailable):
        await taking.take([raw(envelope())], kafka.send)
    await taking.take([raw(envelope()), raw(envelope())], kafka.send)
    await taking.take([raw(envelope())], kafka.send)
    await taking.take([raw(envelope(region="us"))], kafka.send)
    assert (len(kafka.of("freshline.labels")), len(kafka.of("freshline.changes"))) == (2, 4)


async def test_of_more_labels_than_are_remembered_an_old_one_is_told_of_again_but_not_the_newest(
    taking: Taking, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking_module, "LABELS_REMEMBERED", 2)
    for region in ("eu", "us", "asia"):
        await taking.take([raw(envelope(region=region))], kafka.send)
    told = len(kafka.of("freshline.labels"))
    await taking.take([raw(envelope(region="asia"))], kafka.send)
    assert (told, len(kafka.of("freshline.labels"))) == (3, 3)
    await taking.take([raw(envelope(region="eu"))], kafka.send)
    assert len(kafka.of("freshline.labels")) == 4
