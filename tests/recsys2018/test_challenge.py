"""The challenge set and its ten groups."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlrs.recsys2018.challenge import GROUPS, Challenge, write_challenge
from playlist_files import told, uri, write_challenge_set


def first(count: int) -> list[tuple[int, int]]:
    return [(pos, 7 * pos) for pos in range(count)]


def scattered(count: int) -> list[tuple[int, int]]:
    return [(2 * pos, 7 * pos) for pos in range(count)]


TEN = (
    ("title only", told(10, [], length=120)),
    ("title, first 1", told(9, first(1), length=120)),
    ("title, first 5", told(8, first(5), length=120)),
    ("no title, first 5", told(7, first(5), length=120, name=None)),
    ("title, first 10", told(6, first(10), length=120)),
    ("no title, first 10", told(5, first(10), length=120, name=None)),
    ("title, first 25", told(4, first(25), length=120)),
    ("title, 25 at random", told(3, scattered(25), length=120)),
    ("title, first 100", told(2, first(100), length=120)),
    ("title, 100 at random", told(1, scattered(100), length=220)),
)


def test_there_are_the_ten_groups_of_the_organisers(tmp_path: Path) -> None:
    file = write_challenge_set(tmp_path / "c.json", [playlist for _, playlist in TEN])
    challenge = Challenge.read(file)
    assert len(challenge) == 10
    assert challenge.group_U.tolist() == list(range(10))
    assert [str(group) for group in GROUPS] == [name for name, _ in TEN]
    assert challenge.pid_U.tolist() == [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert challenge.titles.null_count == 2


@pytest.mark.parametrize(
    "other",
    [told(1, first(2), length=5), told(1, [], length=5, name=None), told(1, [(1, 3)], length=5)],
)
def test_other_playlists_are_of_no_group(other: dict[str, object], tmp_path: Path) -> None:
    file = write_challenge_set(tmp_path / "c.json", [TEN[1][1], other])
    assert Challenge.read(file).group_U.tolist() == [1, -1]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    challenge = Challenge.read(write_challenge_set(tmp_path / "c.json", [playlist for _, playlist in TEN]))
    write_challenge(tmp_path / "again.json", challenge.playlists)
    again = Challenge.read(tmp_path / "again.json")
    assert again.playlists.facts.equals(challenge.playlists.facts)
    assert again.playlists.entries.equals(challenge.playlists.entries)
    assert again.seeds.to_pylist()[:2] == [uri(0), uri(0)]
    assert '"name": null' not in (tmp_path / "again.json").read_text()
