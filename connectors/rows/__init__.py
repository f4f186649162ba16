"""What a row of a source is: its values as Debezium writes them, and what its contract makes of them.

Shared by who reads rows from Kafka (streams) and who reads them at the source (streams/verify, query/source).
"""
