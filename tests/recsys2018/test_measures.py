"""The challenge's measures, worked out by hand."""

from __future__ import annotations

from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlrs.recsys2018.measures import Truth, borda, clicks, ndcg_by_rules, ndcg_usual, r_precision


def truth_of(*playlists: dict[int, int]) -> Truth:
    """Return a truth of playlists that are {track: artist}."""
    offsets = np.cumsum([0, *(len(playlist) for playlist in playlists)])
    tracks = [track for playlist in playlists for track in playlist]
    artists = [artist for playlist in playlists for artist in playlist.values()]
    return Truth(offsets, np.array(tracks), np.array(artists))


def hits_at(*places: int, length: int = 500) -> np.ndarray:
    """Return one list with hits at these places, counted from 1."""
    hits_1K = np.zeros((1, length), dtype=bool)
    hits_1K[0, np.array(places, dtype=int) - 1] = True
    return hits_1K


FOUR = {1: 100, 2: 100, 3: 200, 4: 300}
"""Four tracks to be found, two of them by one artist."""


@pytest.mark.parametrize(
    ("tracks", "artists", "expected"),
    [
        ([1, 2, 3, 4], [100, 100, 200, 300], 4 / 4),  # all of them, in any order
        ([4, 1, 3, 2], [300, 100, 200, 100], 4 / 4),
        ([9, 8, 7, 6], [900, 900, 900, 900], 0),
        ([1, 9, 8, 7], [100, 900, 900, 900], 1 / 4),
        ([1, 11, 8, 7], [100, 200, 900, 900], (1 + 0.25) / 4),  # another track of an artist
        ([11, 12, 13, 14], [200, 200, 200, 200], 0.25 / 4),  # each artist once
        ([11, 12, 13, 14], [200, 300, 100, 100], 3 * 0.25 / 4),
        ([3, 1, 2, 4], [200, 100, 100, 300], 4 / 4),  # tracks that are found count for no artist
        ([3, 11, 8, 7], [200, 200, 900, 900], (1 + 0.25) / 4),  # of a found artist another track
        ([9, 8, 7, 6, 1, 2], [900, 900, 900, 900, 100, 100], 0),  # only the first |G| are looked at
        ([9, 8, 7, 1, 2, 3], [900, 900, 900, 100, 100, 200], 1 / 4),
        ([9, 8, 7, -1], [900, 900, 900, -1], 0),  # a track that nobody knows
    ],
)
def test_r_precision_gives_a_quarter_for_an_artist(
    tracks: list[int], artists: list[int], expected: float
) -> None:
    found = r_precision(truth_of(FOUR), np.array([tracks]), np.array([artists]))
    assert found.tolist() == [expected]


def test_r_precision_of_each_playlist_knows_its_own_truth_only() -> None:
    truth = truth_of({1: 10}, {2: 20, 3: 30})
    found = r_precision(truth, np.array([[2, 1], [2, 1]]), np.array([[20, 10], [20, 10]]))
    assert found.tolist() == [0, 0.5]


def test_ndcg_by_the_rules_has_the_hits_on_top_as_its_ideal() -> None:
    assert ndcg_by_rules(hits_at(1, 2, 3)).tolist() == [1]
    assert ndcg_by_rules(hits_at(2)).tolist() == [1]  # 1/log2(2) = 1: place 2 is as good as place 1
    assert ndcg_by_rules(hits_at(3))[0] == pytest.approx(1 / log2(3))
    expected = (1 / log2(3) + 1 / log2(8)) / (1 + 1)
    assert ndcg_by_rules(hits_at(3, 8))[0] == pytest.approx(expected)
    assert ndcg_by_rules(hits_at(1, 4, 5))[0] == pytest.approx((1 + 1 / 2 + 1 / log2(5)) / (2 + 1 / log2(3)))
    assert ndcg_by_rules(hits_at()).tolist() == [0]


def test_usual_ndcg_has_all_of_the_truth_on_top_as_its_ideal() -> None:
    assert ndcg_usual(hits_at(1, 2, 3), np.array([3])).tolist() == [1]
    ideal = 1 + 1 / log2(3) + 1 / 2
    assert ndcg_usual(hits_at(1), np.array([3]))[0] == pytest.approx(1 / ideal)
    assert ndcg_usual(hits_at(3, 7), np.array([3]))[0] == pytest.approx((1 / 2 + 1 / 3) / ideal)
    assert ndcg_usual(hits_at(2), np.array([1]))[0] == pytest.approx(1 / log2(3))
    assert ndcg_usual(hits_at(), np.array([3])).tolist() == [0]
    # no list can hold more than all of its places
    assert ndcg_usual(hits_at(1, 2, length=2), np.array([9])).tolist() == [1]


@pytest.mark.parametrize(
    ("first", "expected"), [(1, 0), (10, 0), (11, 1), (20, 1), (21, 2), (491, 49), (500, 49)]
)
def test_clicks_are_pages_of_ten_before_the_first_hit(first: int, expected: int) -> None:
    assert clicks(hits_at(first)).tolist() == [expected]
    assert clicks(hits_at(first, 500)).tolist() == [expected]


def test_clicks_without_a_hit_are_51() -> None:
    assert clicks(hits_at()).tolist() == [51]


def test_borda_adds_up_places() -> None:
    values = np.array(
        [
            [0.20, 0.30, 2.0],  # places 2, 3, 2: of 3 systems 2 + 1 + 2 points
            [0.10, 0.40, 1.0],  # places 3, 1, 1: 1 + 3 + 3
            [0.30, 0.35, 9.0],  # places 1, 2, 3: 3 + 2 + 1
        ]
    )
    points, order = borda(values, [True, True, False])
    assert points.tolist() == [5, 7, 6]
    assert order.tolist() == [1, 2, 0]


def test_of_systems_with_equal_points_more_first_places_win() -> None:
    values = np.array(
        [
            [2.0, 2.0],  # places 2, 2: 4 points of 6
            [1.0, 3.0],  # places 3, 1: 4 points, once first
            [3.0, 1.0],  # places 1, 3: as many, and later
        ]
    )
    points, order = borda(values, [True, True])
    assert points.tolist() == [4, 4, 4]
    assert order.tolist() == [1, 2, 0]


def test_more_second_places_win_where_first_ones_are_as_many() -> None:
    # of 4: places 1 2 4 4 and 1 3 3 4, 9 points each
    places = np.array([[1, 3, 4, 4], [4, 1, 3, 3], [2, 4, 1, 2], [3, 2, 2, 1]])
    points, order = borda(places.astype(float), [False] * 4)
    assert points.tolist() == [8, 9, 11, 12]
    places = np.array([[1, 4, 3, 3], [4, 1, 2, 4], [2, 3, 1, 1], [3, 2, 4, 2]])
    points, order = borda(places.astype(float), [False] * 4)
    assert points.tolist() == [9, 9, 13, 9]  # 1 3 3 4, 1 2 4 4 and 2 2 3 4
    assert order.tolist() == [2, 1, 0, 3]


def test_of_equal_values_the_earlier_is_ahead() -> None:
    points, order = borda(np.array([[1.0], [2.0], [1.0]]), [True])
    assert points.tolist() == [2, 3, 1]
    assert order.tolist() == [1, 0, 2]


@given(st.lists(st.sets(st.integers(0, 30), min_size=1), min_size=1, max_size=5), st.randoms())
def test_measures_are_what_the_sentences_say(wanted: list[set[int]], random: object) -> None:
    shuffle = getattr(random, "shuffle")  # noqa: B009 - hypothesis types it as an object of any kind
    lists = []
    for _ in wanted:
        tracks = list(range(40))
        shuffle(tracks)
        lists.append(tracks[:20])
    truth = truth_of(*({track: track // 4 for track in sorted(playlist)} for playlist in wanted))
    tracks_UK = np.array(lists)
    hits_UK = truth.has_tracks(tracks_UK)
    found = r_precision(truth, tracks_UK, tracks_UK // 4)
    for row, playlist in enumerate(wanted):
        top = lists[row][: len(playlist)]
        exact = [track for track in top if track in playlist]
        near = {t // 4 for t in top if t not in playlist} & {t // 4 for t in playlist}
        assert found[row] == pytest.approx((len(exact) + 0.25 * len(near)) / len(playlist))
        places = [place for place, track in enumerate(lists[row], 1) if track in playlist]
        assert clicks(hits_UK)[row] == (51 if not places else (places[0] - 1) // 10)
        gains = [1 if place == 1 else 1 / log2(place) for place in places]
        ideal = [1 if place == 1 else 1 / log2(place) for place in range(1, len(places) + 1)]
        expected = sum(gains) / sum(ideal) if places else 0
        assert ndcg_by_rules(hits_UK)[row] == pytest.approx(expected)
