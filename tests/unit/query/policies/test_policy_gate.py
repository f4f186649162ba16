"""The policies in force: from the start, through changes, and while they are broken."""

import logging
import shutil
import threading
from pathlib import Path

import pytest
from policy_stage import MONDAY_NOON_MS, PERMIT_ALL, VOCABULARY, Case, when, who

from query.policies import gate as gate_module
from query.policies.folder import Reading
from query.policies.gate import PolicyGate
from query.policies.policy_set import PoliciesInvalid
from schemas.errors import NotAvailable, PolicyBroken

FORBID = "forbid(principal, action, resource);"
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


def take(gate: PolicyGate) -> None:
    """A change counts once two looks in a row found it."""
    gate.refresh()
    gate.refresh()


def permitted(gate: PolicyGate) -> bool:
    return gate.permits(who(), "freshness", when()).permitted


def test_broken_policies_do_not_start(case: Case) -> None:
    with pytest.raises(PoliciesInvalid):
        case.gate(PERMIT_ALL + "forbid(")


def test_a_change_counts_once_two_looks_in_a_row_found_it(case: Case) -> None:
    gate = case.gate(PERMIT_ALL)
    before = gate.version
    case.write(FORBID, "forbid.cedar")
    gate.refresh()
    assert (permitted(gate), gate.version) == (True, before)
    gate.refresh()
    assert not permitted(gate)
    assert gate.version != before


def test_a_folder_still_being_copied_is_not_taken(case: Case) -> None:
    gate = case.gate(PERMIT_ALL + FORBID)
    for state in (PERMIT_ALL, PERMIT_ALL + "forb", PERMIT_ALL + FORBID):
        case.write(state)
        gate.refresh()
        assert not permitted(gate)


def test_policies_broken_at_run_time_refuse_every_question_until_corrected(
    case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    gate = case.gate(PERMIT_ALL)
    case.write(PERMIT_ALL + "forbid(principal, actoin, resource);")
    with caplog.at_level(logging.ERROR):
        take(gate)
    assert "base.cedar:2" in caplog.text
    for ask in (
        lambda: gate.rule(who(), "search", when()),
        lambda: gate.permits(who(), "audit", when()),
        lambda: gate.version,
    ):
        with pytest.raises(PolicyBroken) as caught:
            ask()
        assert (caught.value.status, caught.value.code) == (503, "policy_broken")
        assert isinstance(caught.value, NotAvailable)
        assert "actoin" not in str(caught.value), "what policies say is not for who asks"
    case.write(PERMIT_ALL)
    take(gate)
    assert permitted(gate)


def test_a_folder_that_goes_away_refuses_every_question(case: Case) -> None:
    gate = case.gate(PERMIT_ALL)
    shutil.rmtree(case.folder)
    take(gate)
    with pytest.raises(PolicyBroken):
        gate.rule(who(), "search", when())


def test_a_ruling_keeps_the_policies_it_was_made_with(case: Case) -> None:
    gate = case.gate(PERMIT_ALL)
    ruling, version = gate.rule(who(), "search", when()), gate.version
    case.write(FORBID)
    take(gate)
    assert ruling.version == version != gate.version


def test_what_nobody_expected_refuses_every_question_until_it_is_over(
    case: Case, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gate, stopping = case.gate(PERMIT_ALL), threading.Event()
    genuine, refused = gate_module.read_folder, []

    def look(folder: Path) -> Reading:
        refused.append(gate._engine is None)
        if len(refused) == 1:
            raise RuntimeError("surprise")
        if len(refused) == 4:
            stopping.set()
        return genuine(folder)

    monkeypatch.setattr(gate_module, "read_folder", look)
    thread = threading.Thread(target=gate.watch, args=[stopping, 0.001])
    thread.start()
    thread.join(10)
    assert refused[:2] == [False, True]
    assert permitted(gate)


@pytest.mark.parametrize("operation", ["freshness", "decide", "audit"])
def test_operations_without_a_record_are_denied_unless_permitted(case: Case, operation: str) -> None:
    gate = case.gate('permit(principal, action in Action::"read", resource);')
    assert not gate.permits(who(), operation, when()).permitted  # type: ignore[arg-type]
    case.write(f'permit(principal, action == Action::"{operation}", resource) when {{ principal.subject == "alice" }};')
    take(gate)
    assert gate.permits(who(), operation, when()).permitted  # type: ignore[arg-type]
    assert not gate.permits(who("bob"), operation, when()).permitted  # type: ignore[arg-type]


def test_an_operation_nobody_knows_is_denied(case: Case) -> None:
    gate = case.gate(PERMIT_ALL)
    assert not gate.permits(who(), 'x", Action::"audit', when()).permitted  # type: ignore[arg-type]
    assert not case.judge(PERMIT_ALL, operation="delete").permitted


def test_without_a_folder_every_operation_is_permitted_and_looking_does_nothing() -> None:
    gate = PolicyGate(None, VOCABULARY)
    gate.refresh()
    assert permitted(gate)
    assert gate.version == "none"


@pytest.mark.parametrize(
    ("condition", "asking", "expected"),
    [
        ('context.purpose == "support"', {"purpose": "support"}, True),
        ('context.purpose == "support"', {"purpose": "Support"}, False),
        ("context.hour >= 9 && context.hour < 17", {"at_ms": MONDAY_NOON_MS}, True),
        ("context.hour >= 9 && context.hour < 17", {"at_ms": MONDAY_NOON_MS + 5 * HOUR_MS}, False),
        ("context.weekday == 1", {"at_ms": MONDAY_NOON_MS}, True),
        ("context.weekday == 7", {"at_ms": MONDAY_NOON_MS - DAY_MS}, True),
        ("context.weekday == 4", {"at_ms": 0}, True),
        ('context.at < datetime("2026-11-23T12:00:00.001Z")', {"at_ms": MONDAY_NOON_MS}, True),
        ('context.at < datetime("2026-11-23T12:00:00.001Z")', {"at_ms": MONDAY_NOON_MS + 1}, False),
        ('context has address && context.address.isInRange(ip("10.0.0.0/8"))', {"address": "10.1.2.3"}, True),
        ('context has address && context.address.isInRange(ip("10.0.0.0/8"))', {"address": "11.1.2.3"}, False),
        ('context has address && context.address.isInRange(ip("10.0.0.0/8"))', {"address": "::ffff:10.1.2.3"}, True),
        ('context has address && context.address.isInRange(ip("10.0.0.0/8"))', {}, False),
        ('context has address && context.address.isInRange(ip("fe80::/10"))', {"address": "fe80::1%eth0"}, True),
        ('principal.agent == ""', {"asker": who()}, True),
        ('principal.agent like "planner*"', {"asker": who(agent="planner-7")}, True),
        ('principal.tenant == "acme"', {"asker": who(tenant="other")}, False),
        ('principal.attributes has team && principal.attributes.team == "7"', {"asker": who(team="7")}, True),
        ('principal.attributes has team && principal.attributes.team == "7"', {"asker": who(salary="7")}, False),
    ],
)
def test_who_asks_and_in_which_circumstances_decides(
    case: Case, condition: str, asking: dict[str, object], expected: bool
) -> None:
    judgement = case.judge(f"permit(principal, action, resource) when {{ {condition} }};", **asking)  # type: ignore[arg-type]
    assert judgement.permitted is expected
