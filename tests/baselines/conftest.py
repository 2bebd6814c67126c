from __future__ import annotations

import pytest
import torch

from baselines.planted import Planted, plant

pytest.register_assert_rewrite("contracts.recommender")


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """So small, torch's threads wait longer than they work; and each test worker has a core."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def planted() -> Planted:
    return plant()
