"""The stream job: from Debezium's raw topics to the index. `flow.py` shows the whole way; a stage is a file."""
