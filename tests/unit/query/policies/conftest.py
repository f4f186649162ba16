from pathlib import Path

import pytest
from policy_stage import Case


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path / "policies")
