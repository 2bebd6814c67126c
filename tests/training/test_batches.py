from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from dlrs.features.rows import EncodedRows
from dlrs.samples.batches import Batch, Batches
from dlrs.samples.pairs import Pairs


def numbered(count: int) -> EncodedRows:
    """Return rows whose one number is their row, with as many entries as the row's number."""
    return EncodedRows(
        continuous_NC=np.arange(count, dtype=np.float32)[:, None],
        offsets=np.concatenate(([0], np.cumsum(np.arange(count)))),
        columns_E=np.concatenate([np.arange(n) for n in range(count)]).astype(np.int32),
        weights_E=np.ones(count * (count - 1) // 2, dtype=np.float32),
    )


@pytest.fixture
def batches() -> Batches:
    rng = np.random.default_rng(0)
    profile_P, version_P = rng.integers(0, 5, 23), rng.integers(0, 9, 23)
    label_P = np.arange(23, dtype=np.float32)  # tells the pairs apart
    pairs = Pairs(profile_P, version_P, label_P, np.zeros(23, dtype=np.int64))
    return Batches(pairs, numbered(5), numbered(9), size=10, seed=3)


def labels(batches: list[Batch]) -> list[list[float]]:
    return [batch.label_B.tolist() for batch in batches]


def test_an_epoch_holds_each_pair_once(batches: Batches) -> None:
    epoch = list(batches.epoch(0))
    assert [len(batch) for batch in epoch] == [10, 10, 3]
    assert len(batches) == 3
    assert sorted(np.concatenate(labels(epoch))) == list(range(23))


def test_a_batch_holds_each_user_and_item_once_and_leads_back_to_them(batches: Batches) -> None:
    pairs = batches.pairs
    for batch in batches.epoch(0):
        rows_B = batch.label_B.astype(np.int64)
        assert len(np.unique(batch.users.continuous_NC)) == len(batch.users) <= 5
        assert len(np.unique(batch.items.continuous_NC)) == len(batch.items)
        assert np.array_equal(batch.users.continuous_NC[batch.user_B, 0], pairs.profile_P[rows_B])
        assert np.array_equal(batch.items.continuous_NC[batch.item_B, 0], pairs.version_P[rows_B])
        assert np.array_equal(np.diff(batch.items.offsets), batch.items.continuous_NC[:, 0])


def test_the_order_depends_on_seed_and_epoch(batches: Batches) -> None:
    again = Batches(batches.pairs, batches.profiles, batches.versions, size=10, seed=3)
    other = Batches(batches.pairs, batches.profiles, batches.versions, size=10, seed=4)
    assert labels(list(batches.epoch(1))) == labels(list(again.epoch(1)))
    assert labels(list(batches.epoch(1))) != labels(list(batches.epoch(2)))
    assert labels(list(batches.epoch(1))) != labels(list(other.epoch(1)))


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_the_workers_shares_make_up_each_batch(batches: Batches, workers: int) -> None:
    """Of the last batch, of 3 pairs, the fourth worker gets none."""
    shares = [list(replace(batches, worker=rank, workers=workers).epoch(0)) for rank in range(workers)]
    for step, batch in enumerate(batches.epoch(0)):
        parts = [share[step] for share in shares]
        assert np.concatenate([part.label_B for part in parts]).tolist() == batch.label_B.tolist()
        assert {part.whole for part in parts} == {len(batch)}
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("step", [0, 1, 2, 3])
def test_an_epoch_goes_on_from_any_step(batches: Batches, step: int) -> None:
    assert labels(list(batches.epoch(1, step=step))) == labels(list(islice(batches.epoch(1), step, None)))
