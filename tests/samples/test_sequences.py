"""Sequences: every transition is learnt from once, in the order of time and never across users."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dlrs.data.interactions import Interactions
from dlrs.samples.sequences import Sequences, sequence_batches


def log_of(user_E: list[int], item_E: list[int], time_E: list[int] | None = None) -> Interactions:
    users, items = np.array(user_E, dtype=np.int64), np.array(item_E, dtype=np.int64)
    times = np.arange(len(users)) if time_E is None else np.array(time_E, dtype=np.int64)
    return Interactions(users, items, items + 100, np.zeros_like(users), times)


def test_users_stand_side_by_side_and_an_item_that_follows_itself_counts_once() -> None:
    sequences = Sequences.collect(log_of([1, 0, 1, 1, 1], [7, 8, 7, 9, 7]), users=3)
    assert sequences.offsets_U1.tolist() == [0, 1, 4, 4]
    assert sequences.item_E.tolist() == [8, 7, 9, 7]
    assert sequences.version_E.tolist() == [108, 107, 109, 107]
    assert sequences.time_E.tolist() == [1, 0, 3, 4]
    assert sequences.new_E.tolist() == [True, True, True, False]


def test_an_event_takes_17_bytes() -> None:
    rows = np.array([0, 2**31 - 101])  # as large as item and version rows get: both fit
    log = Interactions(
        np.zeros(2, dtype=np.int64), rows, rows + 100, np.array([0, 127]), np.array([1, 2**60])
    )
    sequences = Sequences.collect(log, users=1)
    columns = (sequences.item_E, sequences.version_E, sequences.time_E, sequences.type_E)
    assert sum(column.nbytes for column in columns) == 2 * 17
    assert [column.tolist() for column in columns] == [
        [0, 2**31 - 101],
        [100, 2**31 - 1],
        [1, 2**60],
        [0, 127],
    ]


def test_only_events_of_one_span_change_places() -> None:
    sequences = Sequences.collect(log_of([0] * 6, [1, 2, 3, 4, 5, 6], [0, 1, 2, 10, 11, 12]), users=1)
    orders = {tuple(sequences.mixed(10, np.random.default_rng(seed)).item_E.tolist()) for seed in range(40)}
    assert len(orders) > 10
    assert all(set(order[:3]) == {1, 2, 3} for order in orders)
    assert sequences.mixed(0, np.random.default_rng(0)) is sequences


def test_some_users_are_drawn_with_all_that_they_met() -> None:
    sequences = Sequences.collect(log_of([0, 0, 1, 2, 2, 2, 3, 3], [1, 2, 3, 4, 5, 6, 7, 8]), users=5)
    items = {0: [1, 2], 2: [4, 5, 6], 3: [7, 8]}  # who met one item has nothing to learn from
    drawn = set()
    for seed in range(30):
        some = sequences.some(2, np.random.default_rng(seed))
        lengths = np.diff(some.offsets_U1)
        users = np.flatnonzero(lengths).tolist()
        assert len(lengths) == 5
        assert some.item_E.tolist() == [item for user in users for item in items[user]]
        assert some.version_E.tolist() == [item + 100 for item in some.item_E]
        drawn.add(tuple(users))
    assert drawn == {(0, 2), (0, 3), (2, 3)}
    assert sequences.some(3, np.random.default_rng(0)) is sequences


@given(st.lists(st.integers(0, 12), min_size=1, max_size=6), st.integers(1, 4), st.integers(0, 99))
def test_stretches_hold_every_transition_once(counts: list[int], length: int, seed: int) -> None:
    user_E = [user for user, count in enumerate(counts) for _ in range(count)]
    sequences = Sequences.collect(log_of(user_E, list(range(len(user_E)))), users=len(counts))
    starts_W, lengths_W = sequences.stretches(length, np.random.default_rng(seed))
    assert (lengths_W >= 2).all()
    assert (lengths_W <= length + 1).all()
    steps = [
        (start + place, start + place + 1)
        for start, count in zip(starts_W.tolist(), lengths_W.tolist(), strict=True)
        for place in range(count - 1)
    ]
    assert sorted(steps) == [(e, e + 1) for e in range(len(user_E) - 1) if user_E[e] == user_E[e + 1]]


@given(st.lists(st.integers(2, 6), min_size=1, max_size=9), st.integers(1, 4))
def test_batches_hold_every_stretch_at_the_right_edge(lengths: list[int], size: int) -> None:
    lengths_W = np.array(lengths)
    starts_W = np.cumsum(lengths_W) - lengths_W
    seen = []
    for batch in sequence_batches(starts_W, lengths_W, size, np.random.default_rng(0)):
        assert len(batch.event_BL) <= size
        for events, targets in zip(batch.event_BL, batch.target_BL, strict=True):
            known = events >= 0
            assert (known == (targets >= 0)).all()
            assert known[-1]
            assert (np.diff(known.astype(int)) >= 0).all()  # padding on the left only
            assert (targets[known] == events[known] + 1).all()
            seen.append((int(events[known][0]), int(known.sum()) + 1))
    assert sorted(seen) == sorted(zip(starts_W.tolist(), lengths, strict=True))
