"""Which partition of `freshline.changes` holds a record: every writer must agree, or its changes lose their order."""

from aiokafka.partitioner import murmur2


def partition_of(record_id: str, partitions: int) -> int:
    """Kafka's own default (murmur2 of the key), computed here because librdkafka's default is another."""
    return (int(murmur2(record_id.encode())) & 0x7FFFFFFF) % partitions
