from __future__ import annotations

import pytest
from tests.ablation.toys import Toys, make_toys


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Toys:
    return make_toys(tmp_path_factory.mktemp("ablation"))
