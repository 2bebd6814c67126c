"""The five files as distributed, and what becomes of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.recsys2017.official_sample import EVENT_ROWS, ITEM_ROWS, START, USER_ROWS, Write, table

from dlrs.errors import DataError
from dlrs.recsys2017.loading import EVENTS, ITEMS, TARGET_ITEMS, TARGET_USERS, USERS, cuts, load
from dlrs.recsys2017.official import INTERACTIONS, TYPES
from dlrs.recsys2017.official import ITEMS as ITEM_COLUMNS
from dlrs.recsys2017.official import USERS as USER_COLUMNS

NEW_YEAR = datetime(2017, 1, 1)


def rows(file: Path) -> list[dict[str, Any]]:
    return pq.read_table(file).to_pylist()


def test_the_name_of_the_table_is_taken_off_the_columns(data: Path) -> None:
    assert list(rows(data / USERS)[0]) == list(USER_COLUMNS)
    assert list(rows(data / ITEMS)[0]) == [*ITEM_COLUMNS, "valid_from"]


def test_columns_may_stand_in_any_order_and_without_a_prefix(write_official: Write, tmp_path: Path) -> None:
    names = ["created_at", "user_id", "more", "item_id", "interaction_type"]
    text = "\t".join(names) + f"\n{START}\t1\tx\t10\t1\n"
    out = load(write_official(interactions=text), tmp_path / "data")
    assert rows(out / EVENTS) == [{"user_id": 1, "item_id": 10, "type": "click", "time": NEW_YEAR}]


def test_lists_stay_lists_and_say_nothing_where_nothing_is_known(data: Path) -> None:
    first, second, third = rows(data / USERS)
    assert (first["jobroles"], first["edu_fieldofstudies"]) == ("12,7", "4,6")
    assert (second["jobroles"], second["edu_fieldofstudies"]) == (None, None)
    assert third["jobroles"] == "7"
    assert [item["tags"] for item in rows(data / ITEMS)] == ["1,2,3", None, None, "9"]
    assert [item["title"] for item in rows(data / ITEMS)] == ["100,200", "200", None, "300"]


def test_empty_cells_in_every_spelling(data: Path) -> None:
    third = rows(data / USERS)[2]
    assert third["experience_n_entries_class"] is third["experience_years_experience"] is None
    second = rows(data / ITEMS)[1]
    assert second["latitude"] is second["longitude"] is None
    assert second["country"] == "de"


def test_premium_and_paid_are_kept(data: Path) -> None:
    assert [user["premium"] for user in rows(data / USERS)] == [0, 1, 0]
    assert [item["is_payed"] for item in rows(data / ITEMS)] == [1, 0, 1, 0]


def test_types_have_names_and_impressions_of_a_pair_count_once(data: Path) -> None:
    found = [
        (e["user_id"], e["item_id"], e["type"], (e["time"] - NEW_YEAR).days) for e in rows(data / EVENTS)
    ]
    assert found == [
        (1, 10, "impression", 1),
        (2, 10, "impression", 1),
        (1, 10, "click", 2),  # the second one of that moment is the same
        (1, 10, "click", 3),
        (2, 10, "delete", 4),
        (2, 11, "bookmark", 5),
        (3, 11, "recruiter", 45),
        (3, 12, "reply", 46),
    ]
    assert {type for _, _, type, _ in found} == set(TYPES)


def test_a_share_of_what_was_shown_is_drawn_by_pair_and_all_else_stays(
    write_official: Write, tmp_path: Path
) -> None:
    shown = [(user, item, 0, START + user) for user in range(1, 101) for item in (10, 11)]
    folder = write_official(interactions=table("interactions", INTERACTIONS, [*shown, *EVENT_ROWS[2:5]]))
    found = [rows(load(folder, tmp_path / "out", impressions=share) / EVENTS) for share in (0, 0.2, 0.5, 1)]
    kept = [{(e["user_id"], e["item_id"]) for e in some if e["type"] == "impression"} for some in found]
    assert len(kept[0]) == 0
    assert 20 < len(kept[1]) < 60 < len(kept[2]) < 140
    assert len(kept[3]) == 200
    assert kept[1] < kept[2]  # the same pairs, and more
    assert [sum(e["type"] == "click" for e in some) for some in found] == [2] * 4


def test_an_ad_holds_from_its_beginning_or_from_its_first_event(data: Path) -> None:
    valid_from = {item["id"]: item["valid_from"] for item in rows(data / ITEMS)}
    assert valid_from[10] == NEW_YEAR
    assert valid_from[11] == NEW_YEAR + timedelta(days=5)  # met before it is said to begin
    assert valid_from[12] is None  # from always
    assert valid_from[13] == NEW_YEAR + timedelta(days=46)  # a target: there when the log ends


def test_targets_with_and_without_a_header(write_official: Write, tmp_path: Path) -> None:
    out = load(write_official(targetUsers="3\n1\n1\n", targetItems="item_id\n13\n12\n"), tmp_path / "data")
    assert [row["user_id"] for row in rows(out / TARGET_USERS)] == [1, 3]
    assert [row["item_id"] for row in rows(out / TARGET_ITEMS)] == [12, 13]


def test_the_cuts_are_whole_days_and_the_last_one_ends_the_log() -> None:
    found = cuts(datetime(2017, 2, 5, 23, 59))
    assert found["test_until"] == "2017-02-06T00:00:00Z"
    assert found["test_from"] == "2017-01-30T00:00:00Z"
    assert found["validation_from"] == "2017-01-23T00:00:00Z"


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({"interactions": table("x", ["user_id", "item_id", "created_at"], [])}, "header with the columns"),
        (
            {"interactions": table("x", INTERACTIONS, [(1, 10, 7, START)])},
            "interaction_type from 0 to 5, received 7",
        ),
        ({"interactions": table("x", INTERACTIONS, [(1, 10, 1, START), (1, "ten", 1, START)])}, "Line: 3"),
        ({"interactions": table("x", INTERACTIONS, [])}, "expected interactions, received none"),
        ({"users": table("x", USER_COLUMNS, [(9, "1;2", *USER_ROWS[0][2:])])}, r"'jobroles'.*received '1;2'"),
        ({"items": table("x", ITEM_COLUMNS, [(*ITEM_ROWS[0][:8], "north", *ITEM_ROWS[0][9:])])}, "latitude"),
        ({"targetItems": "12\nthirteen\n"}, "targetItems"),
    ],
)
def test_what_does_not_fit_is_named(
    write_official: Write, tmp_path: Path, texts: dict[str, str], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        load(write_official(**texts), tmp_path / "data")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["official"]  # nothing half-written


def test_a_missing_file_is_named(write_official: Write, tmp_path: Path) -> None:
    folder = write_official()
    (folder / "items.csv").unlink()
    with pytest.raises(DataError, match=r"items\.csv: expected a file of the RecSys Challenge 2017"):
        load(folder, tmp_path / "data")
