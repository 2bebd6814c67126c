"""A submission file against a log, both in the challenge's forms."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.recsys2017.official_sample import DAY, START, Write, table

from dlrs.errors import DataError, RequestError
from dlrs.recsys2017.loading import load
from dlrs.recsys2017.official import INTERACTIONS
from dlrs.recsys2017.scoring import score_file

LATER = [
    # item 12 is paid for, 13 is not; user 2 is premium
    (1, 12, 0, START + 50 * DAY),
    (1, 12, 1, START + 50 * DAY),
    (1, 12, 1, START + 51 * DAY),
    (2, 12, 2, START + 50 * DAY),
    (2, 12, 3, START + 50 * DAY),
    (2, 12, 4, START + 52 * DAY),
    (1, 13, 4, START + 50 * DAY),
    (3, 13, 0, START + 50 * DAY),
    (3, 12, 5, START + 50 * DAY),  # nobody recommended it
]


@pytest.fixture
def submission(tmp_path: Path) -> Path:
    file = tmp_path / "submission.tsv"
    file.write_text("12\t1,2\n13\t1,3\n")
    return file


def test_a_submission_by_hand(data: Path, submission: Path, write_official: Write) -> None:
    # 12: 1 for the click, 2 · 5 for bookmark and reply of a premium user, 50 for the paid ad
    # 13: −10, no success
    truth = write_official(interactions=table("interactions", INTERACTIONS, LATER)) / "interactions.csv"
    found = score_file(submission, data, truth=truth)
    assert (found.users, found.items, found.total) == (1 + 10 - 10, 50, 51)
    assert (found.pairs, found.successes, found.items_reached) == (4, 2, 1)


def test_the_same_from_parquet_and_since_a_day(
    data: Path, submission: Path, write_official: Write, tmp_path: Path
) -> None:
    folder = write_official(interactions=table("interactions", INTERACTIONS, LATER))
    events = load(folder, tmp_path / "later", impressions=1) / "events.parquet"
    assert score_file(submission, data, truth=events).total == 51
    # from the 51st day on: one click, and a deletion and nothing else by the premium user
    assert score_file(submission, data, truth=events, since="2017-02-21").users == 1 - 20


def test_without_a_truth_the_log_of_the_data_counts(data: Path, tmp_path: Path) -> None:
    (tmp_path / "one.tsv").write_text("12\t3\n")
    found = score_file(tmp_path / "one.tsv", data)
    assert (found.users, found.items) == (5, 50)  # the reply of the sample


def test_what_cannot_be_scored_is_named(data: Path, submission: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="since: expected a day"):
        score_file(submission, data, since="yesterday")
    with pytest.raises(DataError, match=r"log\.csv: expected interactions\.csv"):
        score_file(submission, data, truth=tmp_path / "log.csv")
    with pytest.raises(DataError, match=r"none\.parquet: expected user_id"):
        score_file(submission, data, truth=tmp_path / "none.parquet")
    submission.write_text("12\t1,99\n")
    with pytest.raises(DataError, match="line 1: expected users of targetUsers"):
        score_file(submission, data)
