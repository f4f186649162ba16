"""Each attack on the log is found, and the first bad entry is named."""

import tempfile
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from decision_stage import KEY, KEYS, all_of, asker, draft, head_of, making, now_ms, record, recorder
from hypothesis import given, settings
from hypothesis import strategies as st

from query.decisions.entry import Draft, Entry, Payload, sealed
from query.decisions.erase import Choice, erase
from query.decisions.heads import Sealer
from query.decisions.keys import sign_head
from query.decisions.memory import MemoryDecisions
from query.decisions.store import DecisionStore
from query.decisions.verify import Finding, Report, Witness, verify, verify_store
from schemas.decision import Envelope, Head

NOTES, COUNT = tempfile.TemporaryDirectory(), count()
OTHER = Ed25519PrivateKey.generate()


def sealer(store: DecisionStore) -> Sealer:
    return Sealer(store, KEY, KEYS, Path(NOTES.name, f"{next(COUNT)}.json"), now_ms)


def filled(records: int = 10, head_after: tuple[int, ...] = (4, 8)) -> MemoryDecisions:
    """Records, with a head after some of them: entries 1-4, head 5, 6-9, head 10, 11-12 under no head yet."""
    store = MemoryDecisions()
    signing = sealer(store)
    for number in range(1, records + 1):
        record(recorder(store), question=f"question {number}")
        if number in head_after:
            head_of(signing)
    return store


def first(report: Report) -> tuple[int, str]:
    return report.findings[0].sequence, report.findings[0].what


def heads(log: list[Entry]) -> tuple[Head, ...]:
    return tuple(head for entry in log if (head := entry.opened().head))


def changed(entry: Entry, **update: object) -> Entry:
    """The entry with another envelope, as somebody without the key would write it."""
    return replace(entry, envelope=entry.opened().model_copy(update=update).model_dump_json(exclude_defaults=True))


def without(log: list[Entry], sequence: int, renumbered: bool) -> list[Entry]:
    rest = [entry for entry in log if entry.sequence != sequence]
    return [replace(entry, sequence=at) for at, entry in enumerate(rest, 1)] if renumbered else rest


def test_an_untouched_log_is_clean_and_fully_counted() -> None:
    report = verify(all_of(filled()), KEYS)
    assert report.findings == []
    assert (report.records, report.heads, report.erased, report.covered) == (10, 2, 0, 9)
    assert verify([], KEYS).clean


@pytest.mark.parametrize("sequence", range(1, 13))
def test_an_altered_envelope_is_named_wherever_it_is(sequence: int) -> None:
    log = all_of(filled())
    log[sequence - 1] = changed(log[sequence - 1], status="answered!", at_ms=1)
    assert first(verify(log, KEYS)) == (sequence, "altered")


@pytest.mark.parametrize("sequence", [1, 7, 12])
def test_an_altered_payload_is_named(sequence: int) -> None:
    log = all_of(filled())
    payload = log[sequence - 1].payload
    assert payload is not None
    for other in (Payload(payload.salt, payload.body + " "), Payload(b"x" * 32, payload.body)):
        log[sequence - 1] = replace(log[sequence - 1], payload=other)
        report = verify(log, KEYS)
        assert [(finding.sequence, finding.what) for finding in report.findings] == [(sequence, "altered")]


def test_an_altered_payload_whose_hash_was_altered_with_it_is_named() -> None:
    log = all_of(filled())
    payload = Payload(b"x" * 32, "{}")
    log[6] = replace(changed(log[6], payload_hash=payload.hash), payload=payload)
    assert first(verify(log, KEYS)) == (7, "altered")


@pytest.mark.parametrize("sequence", [1, 4, 5, 7, 11])
def test_a_removed_record_is_named(sequence: int) -> None:
    log = all_of(filled())
    assert first(verify(without(log, sequence, renumbered=False), KEYS)) == (sequence, "removed")
    assert first(verify(without(log, sequence, renumbered=True), KEYS)) == (sequence, "moved")
    rewritten = [
        changed(replace(entry, sequence=at), sequence=at) if entry.sequence != at else entry
        for at, entry in enumerate(without(log, sequence, renumbered=False), 1)
    ]
    assert first(verify(rewritten, KEYS)) in [(sequence, "altered"), (sequence, "forged_head")]


@pytest.mark.parametrize("sequence", [1, 3, 7, 11])
def test_records_that_changed_places_are_named(sequence: int) -> None:
    log = all_of(filled())
    here, there = log[sequence - 1], log[sequence]
    log[sequence - 1 : sequence + 1] = [replace(there, sequence=sequence), replace(here, sequence=sequence + 1)]
    assert first(verify(log, KEYS)) == (sequence, "moved")


@pytest.mark.parametrize("kept", [0, 3, 6, 9, 11])
def test_a_cut_tail_is_found_by_a_head_kept_elsewhere(kept: int) -> None:
    log = all_of(filled())
    elsewhere = [Witness("notebook", heads(log)), Witness.of("the copy", log)]
    if kept < 9:
        assert first(verify(log[:kept], KEYS, elsewhere[:1])) == (kept + 1, "truncated")
    assert first(verify(log[:kept], KEYS, elsewhere[1:])) == (kept + 1, "truncated")
    assert verify(log[:kept], KEYS).clean, "within the log nothing shows it: keep heads elsewhere"


def test_a_tail_that_was_cut_and_grew_again_is_found_by_what_is_kept_elsewhere() -> None:
    store = filled()
    before = all_of(store)
    store.entries = store.entries[:6]
    for _ in range(20):
        record(recorder(store))
    assert first(verify(all_of(store), KEYS, [Witness.of("the copy", before)])) == (7, "altered")
    report = verify(all_of(store), KEYS, [Witness("notebook", heads(before))])
    assert report.findings == [
        Finding(5, "rewritten", "entries 5 to 9 are not those under a head in notebook"),
    ]


@pytest.mark.parametrize("sequence", [1, 6, 12, 13])
def test_an_inserted_record_is_named(sequence: int) -> None:
    log = all_of(filled())
    forged = sealed(draft(99), sequence, OTHER)
    later = [replace(entry, sequence=entry.sequence + 1) for entry in log[sequence - 1 :]]
    report = verify([*log[: sequence - 1], forged, *later], KEYS)
    assert report.findings[0].sequence == sequence
    copied = verify([*log[: sequence - 1], replace(log[3], sequence=sequence), *later], KEYS)
    assert first(copied) == (sequence, "moved")


def test_a_record_that_is_there_twice_is_named() -> None:
    log = all_of(filled())
    assert first(verify([*log, log[2]], KEYS)) == (3, "moved")


def test_a_forged_head_is_named_whoever_signed_it() -> None:
    log = all_of(filled())
    head = heads(log)[0]
    for forged in (
        sign_head(OTHER, now_ms(), head.size, [], bytes.fromhex(head.root)),
        head.model_copy(update={"at_ms": 1}),
        head.model_copy(update={"size": 3}),
        head.model_copy(update={"signature": "no hex"}),
    ):
        mine = [*log[:4], changed(log[4], head=forged), *log[5:]]
        assert verify(mine, KEYS).findings[0].sequence == 5
        assert first(verify(log, KEYS, [Witness("mail", (forged,))])) == (forged.size, "forged_head")


def test_a_head_replaced_by_an_older_one_is_named() -> None:
    log = all_of(filled())
    older, newer = heads(log)
    assert first(verify([*log[:9], changed(log[9], head=older), *log[10:]], KEYS)) == (10, "altered")
    assert older.size < newer.size


def test_a_log_sealed_by_another_key_is_not_ours_from_its_first_entry() -> None:
    report = verify(all_of(filled()), [OTHER.public_key()])
    assert first(report) == (1, "altered")
    assert {"forged_head", "altered"} == {finding.what for finding in report.findings}


def test_a_log_written_anew_with_the_stolen_key_is_found_by_what_is_kept_elsewhere() -> None:
    log = all_of(filled())
    theirs = filled()
    assert verify(all_of(theirs), KEYS).clean
    assert first(verify(all_of(theirs), KEYS, [Witness("mail", heads(log))])) == (1, "rewritten")
    assert first(verify(all_of(theirs), KEYS, [Witness.of("the copy", log)])) == (1, "altered")


def test_a_head_of_ours_that_the_entries_do_not_give_names_the_stretch_since_the_last_that_fits() -> None:
    store = filled()
    untrue = sign_head(KEY, now_ms(), 11, [], b"\0" * 32)
    store.append(making(Draft(Envelope(sequence=0, id="f" * 32, kind="head", at_ms=1, head=untrue))))
    assert first(verify(all_of(store), KEYS)) == (10, "rewritten")


def test_an_erased_payload_is_erased_and_one_taken_without_an_erasure_is_named() -> None:
    store = filled()
    erase(store, KEY, Choice(subject="alice@acme.example"), now_ms)
    report = verify(all_of(store), KEYS)
    assert (report.clean, report.erased, report.records) == (True, 10, 10)
    record(recorder(store))
    record(recorder(store))
    store.entries[-1] = replace(store.entries[-1], payload=None)
    assert first(verify(all_of(store), KEYS)) == (15, "payload_missing")


def test_a_forged_erasure_does_not_excuse_a_payload_that_was_taken() -> None:
    store = filled()
    excuse = Draft(Envelope(sequence=0, id="e" * 32, kind="erasure", at_ms=1, erased=((1, 3),)))
    store.append(lambda at: [sealed(excuse, at, OTHER)])
    store.entries[1] = replace(store.entries[1], payload=None)
    assert {finding.sequence for finding in verify(all_of(store), KEYS).findings} == {2, 13}


def test_a_copy_without_payloads_is_clean_where_it_is_taken_for_one() -> None:
    copied = [Entry.of(entry.line()) for entry in all_of(filled())]
    assert verify(copied, KEYS, payloads=False).clean
    assert first(verify(copied, KEYS)) == (1, "payload_missing")


def test_rows_that_a_store_counts_too_low_are_found() -> None:
    class Forgetful(MemoryDecisions):
        def rows_shown(self, revocation_ids: object) -> int:
            return 1

    store = Forgetful()
    record(recorder(store), asker(chain=("root",)), texts=("a",))
    assert verify_store(store, KEYS).clean
    record(recorder(store), asker(chain=("root",)), texts=("a", "b"))
    assert first(verify_store(store, KEYS)) == (0, "row_count")


TAMPERINGS = st.sampled_from(["alter", "remove", "renumber", "swap", "insert", "seal", "payload", "take", "duplicate"])


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_whatever_is_tampered_with_the_first_bad_entry_is_named(data: st.DataObject) -> None:
    store = MemoryDecisions()
    signing = sealer(store)
    for number in range(data.draw(st.integers(2, 12))):
        store.append(making(draft(number)))
        if data.draw(st.booleans()):
            signing.seal()
    log = all_of(store)
    report = verify(log, KEYS, [Witness.of("the copy", log)])
    assert report.clean
    at = data.draw(st.integers(0, len(log) - 2))
    tampered, bad = tamper(data.draw(TAMPERINGS), log, at)
    found = verify(tampered, KEYS)
    if bad is None:
        assert found.clean
    else:
        assert found.findings[0].sequence == bad


def tamper(kind: str, log: list[Entry], at: int) -> tuple[list[Entry], int | None]:
    """The tampered log and the first bad sequence; None where nothing changed."""
    entry, here = log[at], log[at].sequence
    match kind:
        case "alter":
            return [*log[:at], changed(entry, tenant="other"), *log[at + 1 :]], here
        case "remove":
            return [*log[:at], *log[at + 1 :]], here
        case "renumber":
            return without(log, here, renumbered=True), here
        case "swap":
            swapped = [replace(log[at + 1], sequence=here), replace(entry, sequence=here + 1)]
            return [*log[:at], *swapped, *log[at + 2 :]], here
        case "insert":
            later = [replace(one, sequence=one.sequence + 1) for one in log[at:]]
            return [*log[:at], sealed(draft(99), here, OTHER), *later], here
        case "seal":
            # Only the bytes under the newest head are vouched for without their seal.
            covered = verify(log, KEYS).covered
            return [*log[:at], replace(entry, seal=b"\0" * 64), *log[at + 1 :]], here if here > covered else None
        case "payload":
            return [*log[:at], replace(entry, payload=Payload(b"x", "{}")), *log[at + 1 :]], here
        case "take":
            taken = [*log[:at], replace(entry, payload=None), *log[at + 1 :]]
            return taken, here if entry.payload else None
        case _:
            return [*log, entry], here
