"""The double of a source's reader keeps the promises that the real one keeps."""

import pytest
from source_reader_contract import DoubleStage, SourceReaderContract


@pytest.fixture
def stage() -> DoubleStage:
    return DoubleStage()


class TestReaderDouble(SourceReaderContract):
    pass
