"""Who asks, and what each may see: the sample company's contracts, labels by team, askers in more or fewer teams."""

import threading
from collections.abc import Iterator

from query.authorize import Grounds
from query.capabilities.revoked import Revocations
from query.clock import system_clock
from query.principal import Principal
from schemas.label import Label, LabelDefinition
from schemas.position import Position
from schemas.progress import Progress
from schemas.relation import Grant, RelationTuple

TENANT = "acme"
TEAMS, LABELS = 100, 200
"""Each team reads the same number of labels, and each label has the same share of the chunks."""
VISIBLE = (1, 10, 50, 100)
"""Percent of the chunks that an asker sees: so many of the teams he is in."""
BEAT_S = 0.5


def asker(percent: int) -> Principal:
    return Principal(f"sees{percent}@acme.example", TENANT)


def labels() -> list[Label]:
    """One for each owner in each team: neighbours belong to different teams."""
    return [
        Label(
            tenant=TENANT,
            readers=(f"user:owner{number}@acme.example", f"team:{number % TEAMS}#member"),
            attributes={"classification": "internal", "region": "eu"},
        )
        for number in range(LABELS)
    ]


def fill(grounds: Grounds) -> None:
    """What the followed topics would say of labels and of teams."""
    for label in labels():
        grounds.view.define(LabelDefinition.of(label))
    for number, grant in enumerate(_memberships(), 1):
        name, position = f"helpdesk/helpdesk.members/{number}", Position(f"{number:016x}")
        grounds.view.relate(Grant(record_id=name, position=position, commit_ms=0, tuples=(grant,)))


def _memberships() -> Iterator[RelationTuple]:
    for percent in VISIBLE:
        for team in range(TEAMS * percent // 100):
            subject = asker(percent).name
            yield RelationTuple(tenant=TENANT, object=f"team:{team}", relation="member", subject=subject)


def beat(grounds: Grounds, revocations: Revocations, stopping: threading.Event) -> None:
    """As the follower does of topics that have just been read: every source is current, again and again."""
    while True:
        now = system_clock()
        for source in grounds.contracts:
            at = Progress(
                source=source,
                watermark_ms=now.wall_ms,
                position=Position(f"{now.wall_ms:016x}"),
                measured_ms=now.wall_ms,
                grants={},
            )
            grounds.view.advance(at)
        grounds.view.caught_up(now.steady)
        revocations.caught_up(now.steady)
        if stopping.wait(BEAT_S):
            return
