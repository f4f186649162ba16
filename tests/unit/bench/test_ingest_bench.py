"""The ingest benches: what they count, and what they make of it."""

import orjson
import pytest
from stream_stage import Kafka, RawTopic, upsert

from bench.events import Change, mix
from bench.ingest.lap import QUICK, SLOW, lap
from bench.ingest.mixed import LAST_KEY, Lap, changed_chunks, last_rows, left, section, summary
from bench.ingest.new import FEWER, FRESHLINE, LIMIT, LOOP
from bench.ingest.new import section as section_of_new
from bench.ingest.new import summary as summary_of_new
from bench.ingest.systems import PARTITIONS, System, _told
from index.hash_embedder import HashEmbedder
from index.memory import MemoryStore
from schemas.change import Origin
from schemas.errors import Unavailable
from streams.decode import RawEvent
from streams.indexing import Indexer
from streams.job import Job
from streams.partition import partition_of
from streams.taking import Taking

SIZES = {"seed": 6, "rows": 10, "changes": 100, "chunks_whose_text_changed": 20}


def laps(rate, embedded):
    return [Lap(rate, embedded, 7), Lap(rate, embedded, 7)]


def test_a_row_comes_last_in_every_partition_so_that_none_can_be_behind():
    keys = [event.key for event in last_rows()]
    assert {partition_of(key.decode(), PARTITIONS) for key in keys} == set(range(PARTITIONS))
    assert min(orjson.loads(key)["id"] for key in keys) >= LAST_KEY > max(mix(20, 1, 10).texts)


def test_a_chunk_counts_as_changed_only_if_no_chunk_had_its_text_before():
    embedder = HashEmbedder(dimension=16)
    same, new, gone = (
        Change("untouched", 1, "a", "a", ()),
        Change("new", 2, None, "b", ()),
        Change("deleted", 1, "a", None, ()),
    )
    assert changed_chunks([same, new, gone], embedder) == 1


def test_the_rows_that_must_be_found_are_those_that_the_changes_leave():
    changes = [Change("new", 3, None, "c", ()), Change("deleted", 1, "a", None, ()), Change("edited", 2, "b", "d", ())]
    assert left({"1", "2"}, changes) == {"2", "3"}
    assert left({"1", "2"}, changes[:1]) == {"1", "2", "3"}


def test_the_best_rival_is_the_best_of_those_that_embed_every_update():
    found = summary(
        {FRESHLINE: laps(500.0, 0.21), "loop": laps(50.0, 0.4), "clever": laps(200.0, 0.29), "slow": laps(10.0, 1.4)},
        {},
        SIZES,
    )
    assert found.ratios["Freshline / best rival that embeds every update"] == 10.0
    assert found.ratios["embeddings / chunks whose text changed"] == 1.05
    assert found.missed == []
    assert "| clever | 200 | 200 – 200 | 0.29 | 2.50 × |" in section(found).markdown


def test_ratios_to_rivals_are_of_laps_with_the_same_texts_and_a_failure_is_told():
    rates = {FRESHLINE: [90.0, 90.0, 9.0], LIMIT: [100.0, 100.0, 10.0], LOOP: [30.0, 30.0, 3.0]}
    rates |= {FEWER: [80.0], "rival": [40.0]}
    sizes = {"seed": 6, "texts": 3000, "texts_for_rivals": 400}
    found = summary_of_new(rates, {"other": "no wheel"}, sizes)
    assert found.ratios == {f"Freshline / {LIMIT}": 0.9, f"Freshline / {LOOP}": 3.0, "Freshline / rival": 2.0}
    shown = section_of_new(found).markdown
    assert (found.missed, "other did not run: no wheel" in shown) == ([], True)
    assert "| rival | 40.0 | 40.0 – 40.0 | 40% | 2.00 × |" in shown


async def test_what_the_stream_job_says_of_a_batch_is_read_and_if_it_says_nothing_that_is_an_error(
    tmp_path, caplog, monkeypatch
):
    log = tmp_path / "worker.log"
    log.write_text("something else\n")
    with pytest.raises(Unavailable, match="no batch"):
        _told(log, 0)
    begin = log.stat().st_size
    indexer = Indexer(MemoryStore(), HashEmbedder(dimension=16))
    job = Job({}, Taking({}, RawTopic(), 1000, partitions=1), indexer, tracker=None)
    change = upsert("1", 5, "a text")
    origin = Origin(topic="freshline.changes", partition=0, offset=3)
    with caplog.at_level("INFO", logger="streams.job"):
        await job.index([RawEvent(origin, b"k", change.model_dump_json().encode())], Kafka().send)
    job._thread.shutdown()
    with log.open("a") as file:
        file.writelines(f"2026-11-23 INFO {record.name}: {record.getMessage()}\n" for record in caplog.records)
    assert _told(log, begin) == {"written": 1, "embedded": 1}


class Growing(System):
    """A system with so many rows at each look."""

    def __init__(self, rows, keys):
        super().__init__("t", "c", None, lambda: True, lambda: None)
        self.counts, self.found = list(rows), keys

    def rows(self):
        return self.counts.pop(0) if len(self.counts) > 1 else self.counts[0]

    def keys(self):
        return self.found


def test_a_lap_looks_more_often_when_the_rest_may_come_at_once_and_ends_when_all_rows_are_there(monkeypatch):
    slept = []
    monkeypatch.setattr("bench.ingest.lap.time.sleep", slept.append)
    monkeypatch.setattr("bench.ingest.lap.produce", lambda *_: 0)
    lap(None, Growing([0, 0, 200, 400, 600, 800, 1000], {"1"}), [], {"1"}, 1000)
    assert slept == [SLOW, SLOW, SLOW, QUICK, QUICK]
