"""A local challenge, cut as the organisers cut theirs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlrs.bundle import Folder
from dlrs.errors import ArtifactError, DataError
from dlrs.recsys2018.challenge import GROUPS, Challenge, Group
from dlrs.recsys2018.cutting import Places, cut, draw, hidden, told
from dlrs.recsys2018.loading import load
from playlist_files import playlist, uri, write_slice

TRACKS = 150


def test_the_first_or_any_tracks_are_told() -> None:
    rng = np.random.default_rng(0)
    assert told(Group(True, 0), 9, rng).tolist() == []
    assert told(Group(True, 5), 9, rng).tolist() == [0, 1, 2, 3, 4]
    draws = [told(Group(True, 5, first=False), 9, rng).tolist() for _ in range(300)]
    assert all(positions == sorted(set(positions)) for positions in draws)
    assert {position for positions in draws for position in positions} == set(range(9))
    assert [0, 1, 2, 3, 4] not in draws  # those would be the first ones
    # of six there are six choices, and one of them is the first five
    assert all(told(Group(True, 5, first=False), 6, rng)[-1] == 5 for _ in range(50))


def test_each_track_is_to_be_found_once_and_none_that_is_told() -> None:
    tracks = np.array([7, 8, 7, 9, 8, 4, 9])
    positions, found = hidden(tracks, np.array([0]))
    assert (positions.tolist(), found.tolist()) == ([1, 3, 5], [8, 9, 4])
    positions, found = hidden(tracks, np.array([1, 3]))
    assert (positions.tolist(), found.tolist()) == ([0, 5], [7, 4])


def test_places_know_which_tracks_are_where() -> None:
    places = Places(np.array([0, 1, 1, 2, 0, 3]), np.array([0, 3, 4, 6]))
    assert places.counts_T.tolist() == [2, 2, 1, 1]
    assert places.distinct_U.tolist() == [2, 1, 2]
    assert places.any_of(np.array([False, False, True, False])).tolist() == [False, True, False]
    assert places.count(np.array([True, False, True])).tolist() == [2, 2, 0, 1]
    assert places.tracks(2).tolist() == [0, 3]


def test_of_two_that_alone_have_a_track_not_both_are_drawn() -> None:
    # ten of twelve are drawn, the first two alone have track 999: together they would take it away
    tracks = [[*range(150), 999]] * 2 + [list(range(150))] * 10
    places = Places(np.concatenate(tracks), np.cumsum([0, *map(len, tracks)]))
    drawn = [draw(places, np.ones(12, dtype=bool), 10, np.random.default_rng(seed)) for seed in range(30)]
    assert all(not {0, 1} <= set(some.row_C.tolist()) for some in drawn)
    assert {some.group_C.tolist() == list(range(10)) for some in drawn} == {True}
    assert any({0, 1} & set(some.row_C.tolist()) for some in drawn)
    # eleven leave no choice
    places = Places(np.concatenate(tracks[:11]), np.cumsum([0, *map(len, tracks[:11])]))
    with pytest.raises(DataError, match="expected 1 more playlists for the group"):
        _ = [draw(places, np.ones(11, dtype=bool), 10, np.random.default_rng(seed)) for seed in range(30)]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Eighty playlists of 5 to 150 tracks out of 150, some of them untitled or with a track of their own."""
    folder = tmp_path_factory.mktemp("mpd")
    rng = np.random.default_rng(3)
    playlists = []
    for pid in range(80):
        length = TRACKS if pid % 2 else int(rng.integers(5, 60))
        tracks = rng.permutation(TRACKS)[:length].tolist()
        if pid % 10 == 0:
            tracks.append(1000 + pid)
        playlists.append(playlist(pid, tracks, name=None if pid % 10 == 5 else f"mood {pid}"))
    write_slice(folder, 0, playlists[:50], last=49)
    write_slice(folder, 50, playlists[50:], last=79)
    return load(folder, folder / "data")


def test_a_local_challenge_is_like_the_real_one(loaded: Folder, tmp_path: Path) -> None:
    local = cut(loaded.path, tmp_path / "local", playlists=20)
    challenge = Challenge.read(local / "challenge_set.json")
    assert challenge.group_U.tolist() == [group for group in range(len(GROUPS)) for _ in range(2)]
    kept = pq.read_table(local / "playlists.parquet")
    assert sorted([*kept["pid"].to_pylist(), *challenge.pid_U.tolist()]) == list(range(80))
    entries, all_entries = (pq.read_table(folder / "entries.parquet") for folder in (local, loaded))
    assert set(entries["pid"].to_pylist()) == set(kept["pid"].to_pylist())
    uris = pq.read_table(local / "tracks.parquet")["track_uri"].to_pylist()
    stay = {uris[track] for track in entries["track"].to_pylist()}
    whole: dict[int, list[str]] = {}
    for entry in all_entries.to_pylist():
        whole.setdefault(entry["pid"], []).append(uris[entry["track"]])
    answers = pq.read_table(local / "answers.parquet").to_pylist()
    read = challenge.playlists
    for row, pid in enumerate(challenge.pid_U.tolist()):
        seeds = read.entries.slice(read.offsets_U1[row], np.diff(read.offsets_U1)[row]).to_pylist()
        assert all(whole[pid][seed["pos"]] == seed["track_uri"] for seed in seeds)
        found = [answer for answer in answers if answer["pid"] == pid]
        assert [whole[pid][answer["pos"]] for answer in found] == [answer["track_uri"] for answer in found]
        assert len(found) == len(whole[pid]) - len(seeds) == read.facts["num_holdouts"][row].as_py()
        assert {a["track_uri"] for a in found} | {s["track_uri"] for s in seeds} == set(whole[pid])
        assert set(whole[pid]) <= stay
        assert pid % 10 not in (0, 5)  # these have no title, or a track that is nowhere else
    untitled = [
        group for group, title in zip(challenge.group_U, challenge.titles, strict=True) if not title.is_valid
    ]
    assert untitled == [3, 3, 5, 5]
    assert local.facts["challenge"] == 20
    assert local.facts["answers"] == len(answers)
    assert local.facts["entries"] == entries.num_rows


def test_the_same_seed_draws_the_same_and_another_others(loaded: Folder, tmp_path: Path) -> None:
    texts = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        folder = cut(loaded.path, tmp_path / name, playlists=10, seed=seed)
        texts.append((folder / "challenge_set.json").read_text())
    assert texts[0] == texts[1] != texts[2]


def test_too_few_playlists_are_an_error(loaded: Folder, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="more playlists for the group 'title, 100 at random'"):
        cut(loaded.path, tmp_path / "out" / "local", playlists=300)
    with pytest.raises(DataError, match="expected a multiple of 10 playlists, received 15"):
        cut(loaded.path, tmp_path / "out" / "local", playlists=15)
    with pytest.raises(ArtifactError):
        cut(tmp_path, tmp_path / "out" / "local")
    assert list((tmp_path / "out").iterdir()) == []


@given(st.integers(1, 40), st.integers(0, 99))
def test_what_is_told_is_part_of_the_playlist(more: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for group in GROUPS:
        positions = told(group, group.seeds + more, rng)
        assert len(set(positions.tolist())) == group.seeds
        assert positions.max(initial=0) < group.seeds + more


def test_uris_are_written_as_they_were_read(loaded: Folder, tmp_path: Path) -> None:
    folder = cut(loaded.path, tmp_path / "local", playlists=10)
    assert set(Challenge.read(folder / "challenge_set.json").seeds.to_pylist()) <= {
        uri(n) for n in range(TRACKS)
    }
