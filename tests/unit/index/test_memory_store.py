"""The store in memory keeps every promise of a store."""

import pytest
from store_contract import StoreContract

from index.memory import MemoryStore


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()
