"""From tables to rows: versions, joins, quarantine and errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dlrs.data import engine
from dlrs.data.events import Events, load_events
from dlrs.data.interactions import Interactions
from dlrs.data.items import Items, load_items, version_table
from dlrs.errors import DataError
from dlrs.recipe import Recipe, parse_recipe

ITEMS = [
    ("a", 1, "2020-01-01T00:00:00Z", "create", 100, "red", "car"),
    ("a", 2, "2020-01-08T00:00:00Z", "update", 90, "red", "car"),
    ("a", 3, "2020-01-20T00:00:00Z", "delete", 90, "red", "car"),
    ("b", 1, "2020-01-01T00:00:00Z", "create", 5000, "blue", "car"),  # above the bound
    ("c", 1, "2020-01-01T00:00:00Z", "create", "", "", "bus"),  # missing values are fine
    ("d", 1, "2020-01-01T00:00:00Z", "create", 10, "red", "bus"),
    ("d", 2, "2020-01-05T00:00:00Z", "update", -1, "red", "bus"),  # below the bound: a gap
]
EVENTS = [
    ("u2", "a", "", "2020-01-02T00:00:00Z", "view"),
    ("u1", "a", "", "2020-01-08T00:00:00Z", "contact"),  # the very moment of the update
    ("u1", "c", "", "2020-01-03T00:00:00Z", "view"),
    ("u1", "a", "", "2020-01-21T00:00:00Z", "view"),  # after the deletion
    ("u1", "a", "", "2019-12-31T00:00:00Z", "view"),  # before the creation
    ("u1", "b", "", "2020-01-03T00:00:00Z", "view"),  # no usable row
    ("u1", "zzz", "", "2020-01-03T00:00:00Z", "view"),  # unknown
    ("u1", "d", "", "2020-01-06T00:00:00Z", "view"),  # in the gap
    ("u3", "d", "", "2020-01-04T00:00:00Z", "view"),
]
WriteTables = Callable[[list[Any], list[Any]], Path]


def _load(recipe: Recipe, folder: Path) -> tuple[Items, Events, list[dict[str, Any]], Interactions]:
    with engine.connect() as connection:
        items = load_items(connection, recipe.marketplace, folder)
        events = load_events(connection, recipe.marketplace, folder, items)
        return items, events, version_table(items).to_pylist(), events.log


def test_versions_hold_until_the_next_row(recipe: Recipe, write_tables: WriteTables) -> None:
    _, _, versions, _ = _load(recipe, write_tables(ITEMS, EVENTS))
    holds = [
        (
            v["item_id"],
            v["item_row"],
            v["version_row"],
            v["valid_from"].day,
            v["valid_to"] and v["valid_to"].day,
        )
        for v in versions
    ]
    assert holds == [("a", 0, 0, 1, 8), ("a", 0, 1, 8, 20), ("c", 1, 2, 1, None), ("d", 2, 3, 1, 5)]
    assert versions[2]["price"] is None
    assert versions[2]["colour"] is None


def test_events_join_the_version_they_saw(recipe: Recipe, write_tables: WriteTables) -> None:
    _, events, _, log = _load(recipe, write_tables(ITEMS, EVENTS))
    assert events.user_ids.to_pylist() == ["u1", "u2", "u3"]
    assert log.user_E.tolist() == [1, 0, 2, 0]  # in the order of time
    assert log.item_E.tolist() == [0, 1, 2, 0]
    assert log.version_E.tolist() == [0, 2, 3, 1]
    assert log.type_E.tolist() == [0, 0, 0, 1]


def test_nothing_is_dropped_silently(recipe: Recipe, write_tables: WriteTables) -> None:
    items, events, versions, log = _load(recipe, write_tables(ITEMS, EVENTS))
    assert items.quarantine.counts() == {"price above 1,000": 1, "price below 0": 1}
    assert events.quarantine.counts() == {
        "no usable row of this item in the item table": 2,
        "no usable version of the item at that time": 3,
    }
    deletions = 1
    assert items.rows_read == len(ITEMS) == len(versions) + len(items.quarantine) + deletions
    assert events.rows_read == len(EVENTS) == len(log) + len(events.quarantine)
    assert items.quarantine.rows["_row"].to_pylist() == [4, 7]


def test_operations_are_read_in_any_letters(recipe: Recipe, write_tables: WriteTables) -> None:
    rows = [
        (*row[:3], operation, *row[4:])
        for row, operation in zip(ITEMS, ["INSERT", "Update", "Delete"], strict=False)
    ]
    _, _, versions, _ = _load(recipe, write_tables(rows, EVENTS))
    assert [(v["version"], v["valid_to"].day) for v in versions] == [("1", 8), ("2", 20)]


def test_the_last_row_of_a_moment_holds(recipe: Recipe, write_tables: WriteTables) -> None:
    rows = [ITEMS[0], ITEMS[1], (*ITEMS[2][:2], ITEMS[1][2], *ITEMS[2][3:])]
    items, _, versions, _ = _load(recipe, write_tables(rows, EVENTS))
    assert [(v["version"], v["valid_to"].day) for v in versions] == [("1", 8)]
    assert items.quarantine.counts() == {"a later row of this item has the same time": 1}


def test_a_deletion_that_a_later_row_takes_back_is_not_lost_silently(
    recipe: Recipe, write_tables: WriteTables
) -> None:
    deletion = ("a", 9, ITEMS[0][2], "delete", *ITEMS[0][4:])
    items, _, versions, _ = _load(recipe, write_tables([deletion, ITEMS[0]], EVENTS))
    assert [v["version"] for v in versions] == ["1"]
    assert items.quarantine.counts() == {"a later row of this item has the same time": 1}
    assert items.quarantine.rows["_row"].to_pylist() == [1]


def test_of_rows_at_one_moment_the_last_usable_one_holds(recipe: Recipe, write_tables: WriteTables) -> None:
    first, better, worse = ((*ITEMS[0][:4], price, "red", "car") for price in (100, 200, 5000))
    items, _, versions, _ = _load(recipe, write_tables([first, better, worse], EVENTS))
    assert [v["price"] for v in versions] == [200]
    assert items.quarantine.counts() == {
        "price above 1,000": 1,
        "a later row of this item has the same time": 1,
    }


def test_a_version_name_used_twice_means_its_last_row(
    content: dict[str, Any], write_tables: WriteTables
) -> None:
    content["marketplace"]["events"]["version"] = "seen"
    rows = [ITEMS[0], (ITEMS[0][0], 1, "2020-01-09T00:00:00Z", *ITEMS[0][3:])]
    events = [("u1", "a", "1", "2020-01-10T00:00:00Z", "view")] * 3
    items, loaded, versions, log = _load(parse_recipe(content, source=""), write_tables(rows, events))
    assert len(versions) == 1
    assert items.quarantine.counts() == {"a later row of this item has the same version": 1}
    assert len(log) == loaded.rows_read == 3


def test_an_event_cannot_name_a_version_of_its_future(
    content: dict[str, Any], write_tables: WriteTables
) -> None:
    content["marketplace"]["events"]["version"] = "seen"
    events = [
        ("u1", "a", "2", "2020-01-07T23:59:59Z", "view"),
        ("u1", "a", "2", "2020-01-08T00:00:00Z", "view"),
    ]
    _, loaded, _, log = _load(parse_recipe(content, source=""), write_tables(ITEMS, events))
    assert len(log) == 1
    assert loaded.quarantine.counts() == {"the version begins after the event": 1}


def test_a_first_quoted_cell_far_down_is_read_as_such(recipe: Recipe, write_tables: WriteTables) -> None:
    plain = [(f"i{n}", 1, "2020-01-01T00:00:00Z", "create", 1, "red", "car") for n in range(30_000)]
    quoted = ("a", 1, "2020-01-01T00:00:00Z", "create", 1, 'dark "sky", blue', "car")
    folder = write_tables([*plain, quoted], EVENTS[:1])
    _, _, versions, _ = _load(recipe, folder)
    assert versions[0]["colour"] == 'dark "sky", blue'


def test_whole_numbers_that_became_floats_are_the_same_ids(
    content: dict[str, Any], write_tables: WriteTables
) -> None:
    folder = write_tables([("12", *ITEMS[0][1:])], [("7", "12", "", "2020-01-02T00:00:00Z", "view")])
    table = pa.table(
        {
            "who": pa.array([7.0]),
            "which": pa.array([12.0]),
            "when": ["2020-01-02T00:00:00Z"],
            "did": ["view"],
        }
    )
    pq.write_table(table, folder / "events.parquet")
    content["marketplace"]["events"]["table"] = "events.parquet"
    _, events, _, log = _load(parse_recipe(content, source=""), folder)
    assert events.user_ids.to_pylist() == ["7"]
    assert len(log) == 1


def test_the_log_may_name_the_version(content: dict[str, Any], write_tables: WriteTables) -> None:
    content["marketplace"]["events"]["version"] = "seen"
    events = [
        ("u1", "a", "1", "2020-01-10T00:00:00Z", "view"),
        ("u1", "a", "9", "2020-01-10T00:00:00Z", "view"),
    ]
    _, loaded, _, log = _load(parse_recipe(content, source=""), write_tables(ITEMS, events))
    assert log.version_E.tolist() == [0]  # the one it names, not the one that held
    assert loaded.quarantine.counts() == {"no usable version of the item at that time": 1}


def test_items_without_time_hold_always(content: dict[str, Any], write_tables: WriteTables) -> None:
    for key in ("version", "valid_from", "operation"):
        content["marketplace"]["items"][key] = None
    rows = [ITEMS[0], ITEMS[4], ITEMS[4]]
    items, events, versions, log = _load(parse_recipe(content, source=""), write_tables(rows, EVENTS[:5]))
    assert len(versions) == 2
    assert items.quarantine.counts() == {"a later row of this item has the same time": 1}
    assert len(log) == 5
    assert not len(events.quarantine)


def test_an_item_without_a_start_holds_from_always(
    content: dict[str, Any], write_tables: WriteTables
) -> None:
    for key in ("version", "operation"):
        content["marketplace"]["items"][key] = None
    rows = [_with(ITEMS, 0, 2, "")[0], ITEMS[4]]
    _, events, _, log = _load(parse_recipe(content, source=""), write_tables(rows, EVENTS[:5]))
    assert len(log) == 5  # one of them before the moment when the row would else have begun
    assert not len(events.quarantine)


def test_parquet_gives_the_same_rows_as_csv(
    content: dict[str, Any], write_tables: WriteTables, as_parquet: Callable[[Path], None]
) -> None:
    folder = write_tables(ITEMS, EVENTS)
    from_csv = _load(parse_recipe(content, source=""), folder)
    as_parquet(folder)
    content["marketplace"]["items"]["table"] = "items.parquet"
    content["marketplace"]["events"]["table"] = "events.parquet"
    from_parquet = _load(parse_recipe(content, source=""), folder)
    assert from_csv[2] == from_parquet[2]
    assert from_csv[3].time_E.tolist() == from_parquet[3].time_E.tolist()
    assert from_csv[1].quarantine.counts() == from_parquet[1].quarantine.counts()


def _with(rows: list[Any], row: int, column: int, value: object) -> list[Any]:
    return [
        tuple(value if (r, c) == (row, column) else cell for c, cell in enumerate(cells))
        for r, cells in enumerate(rows)
    ]


@pytest.mark.parametrize(
    ("items", "events", "says"),
    [
        (_with(ITEMS, 1, 4, "cheap"), EVENTS, ["items.csv", "'price'", "row 2", "a number", "'cheap'"]),
        (_with(ITEMS, 2, 2, "soon"), EVENTS, ["items.csv", "'since'", "row 3", "a time", "'soon'"]),
        (_with(ITEMS, 3, 0, ""), EVENTS, ["items.csv", "'id'", "row 4", "an empty cell"]),
        (_with(ITEMS, 1, 2, ""), EVENTS, ["items.csv", "'since'", "row 2", "an empty cell"]),
        (_with(ITEMS, 2, 3, "removed"), EVENTS, ["items.csv", "'what'", "row 3", "delete)", "'removed'"]),
        (_with(ITEMS, 2, 3, ""), EVENTS, ["items.csv", "'what'", "row 3", "an empty cell"]),
        (ITEMS, _with(EVENTS, 4, 3, ""), ["events.csv", "'when'", "row 5", "an empty cell"]),
        (ITEMS, _with(EVENTS, 2, 4, "like"), ["events.csv", "'did'", "row 3", "view, contact", "'like'"]),
        ([], EVENTS, ["items.csv", "at least one row"]),
        (ITEMS, [], ["events.csv", "at least one row"]),
        ([ITEMS[3]], EVENTS, ["items.csv", "at least one usable item"]),
        (ITEMS, [EVENTS[6]], ["events.csv", "an event on an item of the item table", "'zzz'", "'a' and"]),
    ],
)
def test_wrong_data_says_where_what_was_expected_and_what_came(
    recipe: Recipe, write_tables: WriteTables, items: list[Any], events: list[Any], says: list[str]
) -> None:
    with pytest.raises(DataError) as error:
        _load(recipe, write_tables(items, events))
    for words in says:
        assert words in str(error.value)


def test_a_missing_column_suggests_a_near_one(content: dict[str, Any], write_tables: WriteTables) -> None:
    content["marketplace"]["features"]["categorical"] = ["color", "kind"]
    with pytest.raises(DataError, match=r"'color'.*only id, version.*Did you mean 'colour'"):
        _load(parse_recipe(content, source=""), write_tables(ITEMS, EVENTS))


@pytest.mark.parametrize(("table", "says"), [("none.csv", "no such file"), ("items.xlsx", r"'\.xlsx'")])
def test_unreadable_tables(content: dict[str, Any], write_tables: WriteTables, table: str, says: str) -> None:
    folder = write_tables(ITEMS, EVENTS)
    (folder / "items.xlsx").write_text("x")
    content["marketplace"]["items"]["table"] = table
    with pytest.raises(DataError, match=says):
        _load(parse_recipe(content, source=""), folder)


def test_a_truncated_parquet_file(content: dict[str, Any], write_tables: WriteTables) -> None:
    folder = write_tables(ITEMS, EVENTS)
    (folder / "items.parquet").write_bytes(b"PAR1 and then nothing")
    content["marketplace"]["items"]["table"] = "items.parquet"
    with pytest.raises(DataError, match=r"items\.parquet: expected a readable table"):
        _load(parse_recipe(content, source=""), folder)


def test_a_repeated_event_id_is_left_out_and_said(content: dict[str, Any], write_tables: WriteTables) -> None:
    content["marketplace"]["events"]["id"] = "seen"  # a column of the small tables without another use
    recipe = parse_recipe(content, source="ids.toml")
    first = ("u1", "a", "e1", "2020-01-02T00:00:00Z", "view")
    other = ("u1", "a", "e2", "2020-01-02T00:00:00Z", "view")  # the same but for its id: another event
    corrected = ("u1", "c", "e1", "2020-01-03T00:00:00Z", "contact")
    unknown = ("u2", "zzz", "e2", "2020-01-03T00:00:00Z", "view")
    _, events, _, log = _load(recipe, write_tables(ITEMS, [first, other, first, corrected, unknown]))
    assert log.item_E.tolist() == [0, 0]
    assert log.type_E.tolist() == [0, 0]
    assert events.user_ids.to_pylist() == ["u1"]
    assert events.quarantine.counts() == {"an earlier row has the same event id": 3}
    assert events.quarantine.rows["_row"].to_pylist() == [3, 4, 5]


def test_an_event_without_its_id_is_an_error(content: dict[str, Any], write_tables: WriteTables) -> None:
    content["marketplace"]["events"]["id"] = "seen"
    recipe = parse_recipe(content, source="ids.toml")
    folder = write_tables(ITEMS, [("u1", "a", "", "2020-01-02T00:00:00Z", "view")])
    with pytest.raises(DataError, match=r"column 'seen', row 1: .* an empty cell"):
        _load(recipe, folder)
