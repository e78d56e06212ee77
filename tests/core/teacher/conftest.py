from pathlib import Path

import pytest


@pytest.fixture
def imagedream(shared: Path) -> Path:
    """Numbers that the public implementations produced."""
    return shared / "fixtures" / "imagedream"
