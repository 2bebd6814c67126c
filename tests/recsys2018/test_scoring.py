"""Submissions scored against the answers of a local challenge."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from dlrs.errors import DataError
from dlrs.recsys2018.cutting import cut
from dlrs.recsys2018.loading import load
from dlrs.recsys2018.scoring import LocalChallenge, rank_table, score_table
from dlrs.recsys2018.submission import Team, write_submission
from playlist_files import playlist, uri, write_slice

TEAM = Team("we", "we@example.org")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A challenge of ten playlists, out of forty with 110 of 700 tracks each."""
    folder = tmp_path_factory.mktemp("mpd")
    rng = np.random.default_rng(1)
    lists = [playlist(pid, rng.permutation(700)[:110].tolist()) for pid in range(40)]
    lists += [playlist(40 + i, list(range(100 * i, 100 * i + 100))) for i in range(7)]
    write_slice(folder, 0, lists)
    load(folder, folder / "data")
    return cut(folder / "data", folder / "local", playlists=10).path


def _lists(local: Path, *, found: int) -> tuple[LocalChallenge, list[list[str]]]:
    """Return lists with so many of the answers on top, then tracks that are in no slice."""
    known = LocalChallenge.open(local)
    answers = pq.read_table(local / "answers.parquet").to_pylist()
    lists = []
    for pid in known.challenge.pid_U.tolist():
        hits = [a["track_uri"] for a in answers if a["pid"] == pid][:found]
        lists.append([*hits, *(uri(10_000 + n) for n in range(500 - len(hits)))])
    return known, lists


def test_a_submission_is_scored_playlist_by_playlist(local: Path, tmp_path: Path) -> None:
    known, lists = _lists(local, found=1)
    lists[9] = [uri(20_000 + n) for n in range(500)]  # nothing for the last
    write_submission(tmp_path / "s.csv", TEAM, known.challenge.pid_U, lists)
    scores = known.score(tmp_path / "s.csv")
    # 110 tracks, of which 0, 1, 5, 5, 10, 10, 25, 25, 100 or 100 are told
    sizes = [110, 109, 105, 105, 100, 100, 85, 85, 10, 10]
    assert known.truth.sizes_U.tolist() == sizes
    assert scores["R-precision"].tolist() == [*(1 / size for size in sizes[:9]), 0]
    assert scores["NDCG"].tolist() == [*[1.0] * 9, 0]
    assert scores["clicks"].tolist() == [*[0.0] * 9, 51]
    usual = [1 / sum(1 / np.log2(place + 1) for place in range(1, size + 1)) for size in sizes[:9]]
    assert scores["NDCG, usual"].tolist() == pytest.approx([*usual, 0])


def test_a_perfect_submission_has_all(local: Path, tmp_path: Path) -> None:
    known, lists = _lists(local, found=500)
    write_submission(tmp_path / "s.csv", TEAM, known.challenge.pid_U, lists)
    scores = known.score(tmp_path / "s.csv")
    for name, best in (("R-precision", 1), ("NDCG", 1), ("clicks", 0), ("NDCG, usual", 1)):
        assert scores[name].tolist() == pytest.approx([best] * 10)


def test_another_track_of_an_artist_is_a_quarter(local: Path, tmp_path: Path) -> None:
    known, lists = _lists(local, found=0)
    pid = int(known.challenge.pid_U[8])
    answers = [a for a in pq.read_table(local / "answers.parquet").to_pylist() if a["pid"] == pid]
    told = known.challenge.seeds.to_pylist()
    first, end = known.challenge.playlists.offsets_U1[8:10]
    taken = {*told[first:end], *(a["track_uri"] for a in answers)}
    number = int(answers[0]["track_uri"][-5:]) // 10 * 10  # ten tracks of an artist stand together
    others = [uri(n) for n in range(number, number + 10) if uri(n) not in taken]
    lists[8][: len(others)] = others
    write_submission(tmp_path / "s.csv", TEAM, known.challenge.pid_U, lists)
    assert len(others) > 1
    assert known.score(tmp_path / "s.csv")["R-precision"][8] == pytest.approx(0.25 / 10)


def _shown(table: object) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_tables_for_people(local: Path, tmp_path: Path) -> None:
    scores = []
    for name, found in (("none.csv", 0), ("one.csv", 1), ("all.csv", 500)):
        known, lists = _lists(local, found=found)
        write_submission(tmp_path / name, TEAM, known.challenge.pid_U, lists)
        scores.append(known.score(tmp_path / name))
    lines = _shown(score_table(scores[1], known.challenge.group_U)).splitlines()
    of_hundred = next(line for line in lines if "title, first 100" in line)
    assert [cell.strip() for cell in of_hundred.split("│")[2:5]] == ["1", "0.1000", "1.0000"]
    assert "none of these" not in "".join(lines)
    ranked = _shown(rank_table(["none", "one", "all"], scores))
    rows = [[cell.strip() for cell in line.split("│")[1:4]] for line in ranked.splitlines() if "│" in line]
    # NDCG by the rules and clicks cannot tell one from all: the earlier is ahead in these
    assert rows == [["1", "one", "8"], ["2", "all", "7"], ["3", "none", "3"]]


def test_what_was_only_loaded_has_no_answers(local: Path) -> None:
    with pytest.raises(
        DataError, match="expected a challenge with its answers, received only what was loaded"
    ):
        LocalChallenge.open(local.parent / "data")
