"""Sets: each event is told once an epoch, from all that its user met but its item."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dlrs.data.interactions import Interactions
from dlrs.samples.sequences import Sequences
from dlrs.samples.sets import Pieces, SetBatch, set_batches


def sequences_of(*items_U: list[int]) -> Sequences:
    """Return the sequences of users who met these items, one after the other."""
    user_E = np.repeat(np.arange(len(items_U)), [len(items) for items in items_U])
    item_E = np.array([item for items in items_U for item in items], dtype=np.int64)
    zeros_E = np.zeros_like(user_E)
    return Sequences.collect(
        Interactions(user_E, item_E, item_E, zeros_E, np.arange(len(user_E))), len(items_U)
    )


def batches_of(sequences: Sequences, length: int, spread: int, size: int, seed: int = 0) -> list[SetBatch]:
    pieces = Pieces.of(sequences.offsets_U1, length, spread)
    return list(set_batches(sequences, pieces, pieces.batches(size, np.random.default_rng(seed))))


def test_an_item_met_twice_is_told_from_what_is_not_it() -> None:
    """Events 0 to 3 show items 5, 6, 5, 7: the second 5 is not told again, and neither 5 tells the first."""
    (batch,) = batches_of(sequences_of([5, 6, 5, 7]), length=10, spread=1, size=1)
    assert batch.start_B.tolist() == [0]
    assert batch.event_E.tolist() == [0, 1, 2, 3]
    assert batch.row_E.tolist() == [0, 0, 0, 0]
    assert batch.target_P.tolist() == [0, 1, 3]
    assert batch.row_P.tolist() == [0, 0, 0]
    assert batch.same_X.tolist() == [0, 2, 1, 3]
    assert batch.asked_X.tolist() == [0, 0, 1, 2]


def test_what_a_user_met_is_told_in_several_pieces_and_he_comes_in_several_steps() -> None:
    pieces = Pieces.of(np.array([0, 5, 7]), length=10, spread=3)
    assert pieces.stretches == 2
    assert pieces.start_V.tolist() == [0, 0, 0, 5, 5]
    assert pieces.length_V.tolist() == [5, 5, 5, 2, 2]
    assert pieces.first_V.tolist() == [0, 1, 3, 5, 6]
    assert pieces.count_V.tolist() == [1, 2, 2, 1, 1]
    steps = pieces.batches(1, np.random.default_rng(0))
    assert [len(step) for step in steps] == [3, 2]  # as many as there are stretches
    assert sorted(np.concatenate(steps).tolist()) == [0, 1, 2, 3, 4]


def test_who_met_one_item_only_is_not_told() -> None:
    assert len(Pieces.of(np.array([0, 1, 1]), length=10, spread=3)) == 0
    (batch,) = batches_of(sequences_of([5, 6], [8, 9, 8]), length=10, spread=1, size=5)
    assert set(batch.target_P.tolist()) == {0, 1, 2, 3}
    log = Sequences.collect(
        Interactions(*np.array([[0, 0], [5, 5], [50, 51], [0, 0], [0, 1]])), 1
    )  # two versions of one item
    (batch,) = batches_of(log, length=10, spread=1, size=5)
    assert len(batch.target_P) == 0


@given(
    st.lists(st.lists(st.integers(0, 5), max_size=12), min_size=1, max_size=6),
    st.integers(1, 8),
    st.integers(1, 4),
    st.integers(1, 5),
    st.integers(0, 3),
)
def test_each_first_meeting_is_told_once_from_the_rest_of_its_stretch(
    items_U: list[list[int]], length: int, spread: int, size: int, seed: int
) -> None:
    sequences = sequences_of(*items_U)
    batches = batches_of(sequences, length, spread, size, seed)
    told = [int(event) for batch in batches for event in batch.target_P]
    assert len(told) == len(set(told))
    assert all(sequences.new_E[told])
    users_E = np.repeat(np.arange(len(items_U)), np.diff(sequences.offsets_U1))
    if all(len(items) <= length for items in items_U):
        several = [user for user in range(len(items_U)) if len(set(items_U[user])) > 1]
        assert set(told) == set(np.flatnonzero(sequences.new_E & np.isin(users_E, several)).tolist())
    for batch in batches:
        for place, (event, row) in enumerate(zip(batch.target_P, batch.row_P, strict=True)):
            stretch = batch.event_E[batch.row_E == row]
            assert event in stretch
            assert len(stretch) <= max(2, length)
            assert set(users_E[stretch].tolist()) == {users_E[event]}
            assert stretch[0] == batch.start_B[row]
            left_out = batch.event_E[batch.same_X[batch.asked_X == place]]
            same = stretch[sequences.item_E[stretch] == sequences.item_E[event]]
            assert sorted(left_out.tolist()) == sorted(same.tolist())
            assert len(same) < len(stretch)
