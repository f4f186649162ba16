"""Making the sources run: topics first, then connectors, then waiting until they really do."""

import time
from collections.abc import Callable, Mapping, Sequence

from connectors.config_file import read_config
from connectors.connect_api import ConnectApi, ConnectorFailed, ConnectorStatus
from connectors.debezium import effective, is_ours
from connectors.kafka_admin import KafkaAdmin
from connectors.mistakes import ContractInvalid
from connectors.plan import Found, Plan, Wanted, changed_options, plan, wanted_topics
from schemas.contract import Contract
from schemas.errors import Misconfigured, Unavailable
from schemas.settings import Settings

Report = Callable[[str], None]

POLL_SECONDS = 0.2
FAILURE_PATIENCE_SECONDS = 3.0
"""A task may still be shown as FAILED just after its connector was changed or restarted."""
SETTLE_SECONDS = 1.5
"""A changed connector may still be shown as RUNNING, as it did before, for a moment."""


def make_plan(contracts: Sequence[Contract], settings: Settings) -> Plan:
    """What `apply` would do now. Changes nothing.

    Raises Unavailable("Kafka" or "Kafka Connect"), or ContractInvalid for an unusable configuration file.
    """
    kafka, connect = _clients(settings)
    with connect:
        wanted = _wanted(contracts, settings)
        return plan(wanted, _found(wanted, kafka, connect))


def apply(contracts: Sequence[Contract], settings: Settings, report: Report, wait_seconds: float = 60.0) -> Plan:
    """Do the plan and return it once every connector and its tasks are RUNNING. Idempotent.

    `report` gets one line per thing done. Raises, besides what `make_plan` raises: Misconfigured before any
    change where a step must be refused, or where Kafka or Connect do not accept one; ConnectorFailed with the
    reason where a connector fails; Unavailable where it does not run within `wait_seconds`.
    """
    kafka, connect = _clients(settings)
    with connect:
        wanted = _wanted(contracts, settings)
        found = _found(wanted, kafka, connect)
        planned = plan(wanted, found)
        if planned.refused:
            raise Misconfigured("\n".join(f"{step.kind} {step.name} {step.detail}" for step in planned.refused))
        _apply_topics(wanted, found, kafka, report)
        _apply_connectors(planned, wanted, connect, report)
        changed = {step.name for step in planned.changes if step.kind == "connector"}
        settle = {name: SETTLE_SECONDS if name in changed else 0.0 for name in wanted.connectors}
        wait_running(connect, settle, report, wait_seconds)
        return planned


def wait_running(connect: ConnectApi, settle: Mapping[str, float], report: Report, seconds: float) -> None:
    """Return once all connectors run. Raises ConnectorFailed, or Unavailable after `seconds`.

    `settle`: connector -> for how many seconds from now RUNNING is not believed yet.
    """
    start = time.monotonic()
    waiting = dict.fromkeys(settle, 0.0)
    while waiting:
        for name in list(waiting):
            status = connect.status(name)
            now = time.monotonic() - start
            if status is not None and status.running and now >= settle[name]:
                report(f"connector {name}: RUNNING after {now:.1f} s")
                del waiting[name]
            elif status is not None and status.failed:
                waiting[name] = waiting[name] or now
                if now - waiting[name] >= FAILURE_PATIENCE_SECONDS:
                    raise ConnectorFailed(f"connector {name} failed: {_reason(status)}")
            else:
                waiting[name] = 0.0
        if waiting and time.monotonic() - start > seconds:
            raise Unavailable(f"connector {', '.join(waiting)}", f"not RUNNING within {seconds:g} s")
        if waiting:
            time.sleep(POLL_SECONDS)


def _clients(settings: Settings) -> tuple[KafkaAdmin, ConnectApi]:
    limit = settings.request_timeout
    return KafkaAdmin(settings.kafka, limit), ConnectApi(settings.connect_url, limit)


def _wanted(contracts: Sequence[Contract], settings: Settings) -> Wanted:
    configs = {c.source: read_config(settings.sources / c.connector.config) for c in contracts}
    mistakes = [mistake for config in configs.values() for mistake in config.mistakes]
    if mistakes:
        raise ContractInvalid(mistakes)
    connectors = {c.source: effective(c, configs[c.source].options) for c in contracts}
    return Wanted(wanted_topics(contracts, settings.partitions), connectors)


def _found(wanted: Wanted, kafka: KafkaAdmin, connect: ConnectApi) -> Found:
    partitions = kafka.topics()
    configs = kafka.configs([spec.name for spec in wanted.topics if spec.name in partitions])
    there = {name: config for name in connect.names() if (config := connect.config(name)) is not None}
    connectors = {name: config for name, config in there.items() if name in wanted.connectors or is_ours(name, config)}
    return Found(partitions, configs, connectors)


def _apply_topics(wanted: Wanted, found: Found, kafka: KafkaAdmin, report: Report) -> None:
    for name in kafka.create_topics([spec for spec in wanted.topics if spec.name not in found.partitions]):
        report(f"topic {name}: created")
    for spec in wanted.topics:
        changed = changed_options(spec.config, found.topic_configs.get(spec.name, {}))
        if spec.name in found.partitions and changed:
            kafka.configure(spec.name, changed)
            report(f"topic {spec.name}: set {', '.join(sorted(changed))}")


def _apply_connectors(planned: Plan, wanted: Wanted, connect: ConnectApi, report: Report) -> None:
    for step in planned.steps:
        if step.kind != "connector" or step.action == "remove":
            continue
        if step.action != "unchanged":
            connect.put(step.name, wanted.connectors[step.name])
            report(f"connector {step.name}: {step.action}d: {step.detail}")
        status = connect.status(step.name)
        if status is not None and status.failed:
            connect.restart_failed(step.name)
            report(f"connector {step.name}: restarted what had failed")
        elif status is not None and status.state in ("PAUSED", "STOPPED"):
            connect.resume(step.name)
            report(f"connector {step.name}: resumed")


def _reason(status: ConnectorStatus) -> str:
    return status.errors[0] if status.errors else "Kafka Connect gives no reason; see its log"
