"""The history in memory keeps every promise of a history."""

from typing import cast

import pytest
from history_contract import History, HistoryContract, Pair

from index.memory import MemoryStore
from index.memory_history import MemoryHistory


class TestMemoryHistory(HistoryContract):
    @pytest.fixture
    def pair(self) -> Pair:
        store = MemoryStore()
        return Pair(store, cast(History, MemoryHistory(store)))
