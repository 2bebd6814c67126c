from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from dlrs.arrays import Floats
from dlrs.model.network import Network
from dlrs.training import validation
from dlrs.training.validation import pair_accuracy, pair_auc, pair_logits


def floats(*values: float) -> Floats:
    return np.array(values, dtype=np.float32)


def test_auc_by_hand() -> None:
    """Of 4 couples of a positive and a negative, 3 are in order and one is a tie."""
    assert pair_auc(floats(1, 2, 2, 3), floats(0, 1, 0, 1)) == 3.5 / 4


@pytest.mark.parametrize(
    ("logits", "expected"), [((1, 2, 3, 4), 1.0), ((4, 3, 2, 1), 0.0), ((5, 5, 5, 5), 0.5)]
)
def test_auc_at_its_ends(logits: tuple[float, ...], expected: float) -> None:
    assert pair_auc(floats(*logits), floats(0, 0, 1, 1)) == expected


def test_auc_equals_counting_all_couples() -> None:
    rng = np.random.default_rng(0)
    logits_P = rng.integers(0, 20, 300).astype(np.float32)
    label_P = (rng.random(300) < 0.3).astype(np.float32)
    positive, negative = logits_P[label_P == 1][:, None], logits_P[label_P == 0][None]
    expected = ((positive > negative) + 0.5 * (positive == negative)).mean()
    assert pair_auc(logits_P, label_P) == pytest.approx(expected)


def test_auc_needs_both_labels() -> None:
    assert math.isnan(pair_auc(floats(1, 2), floats(1, 1)))


def test_accuracy_by_hand() -> None:
    """Right: 2 for a positive, −1 for a negative, 0 (p̂ = ½) for a positive; wrong: 3 for a negative."""
    assert pair_accuracy(floats(2, -1, 1, 3), floats(1, 0, 1, 0)) == 3 / 4
    assert math.isnan(pair_accuracy(floats(), floats()))


def test_logits_come_in_the_order_of_the_pairs(planted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(planted.space).train()
    some = planted.test.take(np.arange(50))
    one_by_one = [
        pair_logits(network, some.take(np.array([row])), planted.profiles, planted.versions)[0]
        for row in range(50)
    ]
    monkeypatch.setattr(validation, "BATCH", 16)
    logits_P = pair_logits(network, some, planted.profiles, planted.versions)
    np.testing.assert_allclose(logits_P, one_by_one, atol=1e-5)
    assert network.training, "the network's mode is as it was"
