from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from dlrs.features.rows import EncodedRows, FeatureSpace
from dlrs.model.tower import Tower, row_tensors

RandomRows = Callable[..., EncodedRows]


def test_values_worked_out_by_hand() -> None:
    """One number, a feature of 3 values (width 2) and one of a single value (width 1)."""
    tower = Tower(FeatureSpace(("price",), ("make", "market"), (3, 1)), "item", bias_init="zeros")
    with torch.no_grad():
        tower.table[1] = torch.tensor([0.5, -1.0])
        tower.table[2] = torch.tensor([1.5, 3.0])
        tower.bias[:] = torch.tensor([0.0, 0.5, -2.0])
        tower.continuous.weight[:] = 0.5
        tower.continuous.bias[:] = -2.0
        tower.wide[:, 0] = torch.tensor([9.0, 0.25, 0.5, 0.125])
    rows = EncodedRows(
        continuous_NC=np.array([[2.0], [6.0]], dtype=np.float32),
        offsets=np.array([0, 1, 1, 3, 4]),
        columns_E=np.array([1, 1, 2, 3], dtype=np.int32),
        weights_E=np.array([1, 0.5, 0.5, 1], dtype=np.float32),
    )
    with torch.no_grad():
        tower.table[3] = torch.tensor([4.0, 7.0])  # 7 lies beyond the feature's width
        embedding_BD, wide_B = tower(row_tensors(rows))
    below = [math.exp(x) - 1 for x in (-1.0, -0.5, -2.0)]
    assert embedding_BD[0].tolist() == pytest.approx([below[0], 0.5, below[1], below[2]])
    assert embedding_BD[1].tolist() == pytest.approx([1.0, 1.0, 1.5, 2.0])
    assert wide_B.tolist() == pytest.approx([0.25, 0.25 / 2 + 0.5 / 2 + 0.125])


def test_a_row_without_entries_or_numbers_gives_the_bias(
    space: FeatureSpace, random_rows: RandomRows
) -> None:
    tower = Tower(space, "user", bias_init="normal")
    rows = random_rows(space, 4, "user")
    rows.continuous_NC[0] = 0
    embedding_BD, wide_B = tower(row_tensors(rows))
    bias_D = torch.cat([tower.continuous.bias, tower.bias])
    torch.testing.assert_close(embedding_BD[0], torch.nn.functional.elu(bias_D))
    assert embedding_BD.shape == (4, space.width)
    assert wide_B[0] == 0


def test_each_feature_begins_with_glorots_bounds_in_its_own_columns() -> None:
    space = FeatureSpace((), ("make", "fuel"), (1000, 4))
    tower = Tower(space, "item", bias_init="zeros")
    make_KD, fuel_KD = tower.table[:1000], tower.table[1000:]
    bound = math.sqrt(6 / (1000 + 10))
    assert 0.95 * bound < make_KD.abs().max() <= bound
    assert fuel_KD[:, :2].abs().max() <= 1  # √(6 / (4 + 2))
    assert not fuel_KD[:, 2:].any()
    assert not tower.bias.any()
    assert not tower.wide.any()


def test_columns_beyond_a_features_width_get_no_gradient(random_rows: RandomRows) -> None:
    space = FeatureSpace((), ("make", "fuel"), (9, 2))
    tower = Tower(space, "item", bias_init="zeros")
    tower(row_tensors(random_rows(space, 50, "item"))).embedding_BD.sum().backward()
    assert tower.table.grad is not None
    assert tower.table.grad[9:, 0].any()
    assert not tower.table.grad[9:, 1:].any()


def test_normal_biases_are_standard_normal() -> None:
    torch.manual_seed(0)
    tower = Tower(FeatureSpace((), tuple(map(str, range(500))), (9,) * 500), "item", bias_init="normal")
    assert tower.bias.mean().item() == pytest.approx(0, abs=0.1)
    assert tower.bias.std().item() == pytest.approx(1, abs=0.1)


def test_a_users_own_features_shift_him_and_nothing_else(random_rows: RandomRows) -> None:
    space = FeatureSpace(
        ("price",), ("make",), (7,), own_continuous=("age",), own_categorical=("job",), own_sizes_F=(4,)
    )
    own_space = FeatureSpace(("age",), ("job",), (4,))
    tower = Tower(space, "user", bias_init="normal")
    profiles = random_rows(space.shared, 5, "user")
    own, nothing = random_rows(own_space, 5, "item", seed=1), EncodedRows.blank(5, own_space, side="item")
    before = tower(row_tensors(profiles.beside(nothing, space))).embedding_BD
    after = tower(row_tensors(profiles.beside(own, space))).embedding_BD
    # one vector for the age, and one for each job: its embedding through the same layer
    shifts = torch.vstack([tower.own[:, :1].T, tower.table[7:, :2] @ tower.own[:, 1:].T])
    shift = torch.from_numpy(own.matrix(own_space, side="item").toarray()).float() @ shifts
    torch.testing.assert_close(_inverse_elu(after), _inverse_elu(before) + shift, atol=1e-4, rtol=1e-4)


def _inverse_elu(values: torch.Tensor) -> torch.Tensor:
    return torch.where(values > 0, values, torch.log1p(values))
