"""Submissions: what the organisers take, and the line of what they would not."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from dlrs.errors import DataError
from dlrs.recsys2018.challenge import Challenge
from dlrs.recsys2018.submission import Team, read_submission, write_submission
from playlist_files import told, uri, write_challenge_set

TEAM = Team("we", "we@example.org")
FIRST = [uri(track) for track in range(1000, 1500)]
SECOND = [uri(track) for track in range(2000, 2500)]


@pytest.fixture
def challenge(tmp_path: Path) -> Challenge:
    playlists = [told(71, [(0, 3), (1, 4)], length=9), told(5, [], length=6)]
    return Challenge.read(write_challenge_set(tmp_path / "challenge_set.json", playlists))


def line(pid: object, uris: list[str]) -> str:
    return ",".join([str(pid), *uris])


def test_what_is_written_is_taken(challenge: Challenge, tmp_path: Path) -> None:
    for name in ("submission.csv", "packed.csv.gz"):
        write_submission(tmp_path / name, TEAM, challenge.pid_U, [FIRST, SECOND])
        assert read_submission(tmp_path / name, challenge).to_pylist() == [*FIRST, *SECOND]
    text = (tmp_path / "submission.csv").read_text()
    assert gzip.decompress((tmp_path / "packed.csv.gz").read_bytes()).decode() == text
    first, second, third = text.splitlines()
    assert first == "team_info,we,main,we@example.org"
    assert second == line(71, FIRST)
    assert third == line(5, SECOND)


def test_comments_blank_lines_spaces_and_any_order_are_fine(challenge: Challenge, tmp_path: Path) -> None:
    file = tmp_path / "submission.csv"
    lines = ["# ours", "", "team_info , we , we@example.org", "  ", ", ".join(["5", *SECOND]), "# more"]
    file.write_text("\n".join([*lines, line(71, FIRST)]))
    assert read_submission(file, challenge).to_pylist() == [*FIRST, *SECOND]


HEAD = "team_info,we,main,we@example.org"


@pytest.mark.parametrize(
    ("lines", "number", "says"),
    [
        ([line(71, FIRST)], 1, "expected 'team_info' at the start of the first line, received '71'"),
        (["# a comment", "", "team,we,a@b"], 3, "expected 'team_info'"),
        (["team_info,we"], 1, "expected team_info,TEAM,main,EMAIL or team_info,TEAM,EMAIL, received 2"),
        (["team_info,we,,a@b"], 1, "expected team_info,TEAM,main,EMAIL"),
        (["team_info,we,third,a@b"], 1, "expected main or creative, received 'third'"),
        ([HEAD, HEAD], 2, "expected the pid of a challenge playlist, received 'team_info'"),
        ([HEAD, line(72, FIRST)], 2, "expected the pid of a challenge playlist, received '72'"),
        ([HEAD, line("seven", FIRST)], 2, "expected the pid of a challenge playlist, received 'seven'"),
        ([HEAD, "", line(5, FIRST), line(5, SECOND)], 4, "expected each playlist once, received 5 again"),
        ([HEAD, line(5, FIRST[:499])], 2, "expected 500 tracks, received 499"),
        ([HEAD, line(5, [*FIRST, uri(1)])], 2, "expected 500 tracks, received 501"),
        ([HEAD, line(5, [*FIRST[:499], ""])], 2, "expected tracks like spotify:track:…, received ''"),
        ([HEAD, line(5, [*FIRST[:499], "spotify:album:1"])], 2, "expected tracks like spotify:track:…"),
        ([HEAD, line(5, [*FIRST[:499], FIRST[0]])], 2, f"expected each track once, received {FIRST[0]}"),
        (
            [HEAD, line(5, SECOND), line(71, [*FIRST[:499], uri(4)])],
            3,
            f"expected no track that the challenge tells of the playlist, received {uri(4)}",
        ),
        (
            [HEAD, line(5, SECOND), "# the end"],
            2,
            "expected a line for each of 2 playlists before the end, received none for 1 of them, 71 among",
        ),
        (["# nothing"], 0, "expected a line that begins with 'team_info', received none"),
    ],
)
def test_anything_else_is_refused_with_its_line(
    lines: list[str], number: int, says: str, challenge: Challenge, tmp_path: Path
) -> None:
    file = tmp_path / "submission.csv"
    file.write_text("\n".join(lines))
    with pytest.raises(DataError) as error:
        read_submission(file, challenge)
    assert str(error.value).startswith(f"{file}, line {number}: {says}")


def test_a_seed_of_another_playlist_is_fine(challenge: Challenge, tmp_path: Path) -> None:
    write_submission(tmp_path / "s.csv", TEAM, challenge.pid_U, [FIRST, [*SECOND[:499], uri(4)]])
    assert read_submission(tmp_path / "s.csv", challenge)[-1].as_py() == uri(4)


def test_what_cannot_be_read_is_named(challenge: Challenge, tmp_path: Path) -> None:
    for content in (b"\xff\xfe\x00", gzip.compress(HEAD.encode())[:-9]):
        (tmp_path / "s.csv").write_bytes(content)
        with pytest.raises(DataError, match=f"{tmp_path / 's.csv'}: expected a submission"):
            read_submission(tmp_path / "s.csv", challenge)
    with pytest.raises(DataError, match="expected a submission"):
        read_submission(tmp_path / "missing.csv", challenge)


def test_a_list_that_fails_leaves_the_older_file(challenge: Challenge, tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    write_submission(file, TEAM, challenge.pid_U, [FIRST, SECOND])
    before = file.read_bytes()
    with pytest.raises(ValueError, match="shorter"):
        write_submission(file, TEAM, challenge.pid_U, iter([SECOND]))
    assert file.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["challenge_set.json", "s.csv"]


@pytest.mark.parametrize(("name", "contact"), [("a,b", "c"), ("", "c"), ("a", " "), ("a", "b\nc")])
def test_a_team_has_a_name_and_an_address(name: str, contact: str) -> None:
    with pytest.raises(DataError, match="expected a name and an address without commas"):
        Team(name, contact)


def test_the_later_rerun_has_a_shorter_first_line() -> None:
    assert str(Team("we", "a@b", None)) == "team_info,we,a@b"
    assert str(Team("we", "a@b", "creative")) == "team_info,we,creative,a@b"
