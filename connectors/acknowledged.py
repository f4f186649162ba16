"""Whether Kafka has everything that a connector sent before a heartbeat.

A heartbeat may be readable before rows that were sent before it: Connect's producer keeps a queue for each partition,
and the heartbeat's is short while a large transaction still stands in the others (seen with Kafka 4: 13,000 of 20,000
rows were there). But Connect notes an offset only once every record sent before it, to whatever topic, is acknowledged,
and Debezium's offset names the last commit that was sent whole.
"""

from connectors.connect_api import ConnectApi
from schemas.errors import Misconfigured, Unavailable
from schemas.position import lsn_number, lsn_of
from schemas.progress import Beat


class Acknowledged:
    """Asks Kafka Connect, which notes offsets every `offset.flush.interval.ms`: no heartbeat counts earlier."""

    def __init__(self, connect: ConnectApi) -> None:
        self._connect = connect

    def __call__(self, beat: Beat) -> bool:
        """Blocking. Raises Unavailable("Kafka Connect")."""
        lsn = lsn_of(beat.position)
        try:
            offsets = self._connect.offsets(beat.source)
        except Misconfigured as error:
            raise Unavailable("Kafka Connect", str(error)) from None
        commits = [offset.get("lsn_commit") for offset in offsets]
        return lsn is not None and any(isinstance(commit, int) and commit >= lsn_number(lsn) for commit in commits)
