"""Users with features of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dlrs.data import engine
from dlrs.data.cleaning import Quarantine
from dlrs.data.events import Events
from dlrs.data.interactions import Interactions
from dlrs.data.users import Users, listed_users, load_users
from dlrs.errors import DataError
from dlrs.schema import Continuous, Features, UserTable

TABLE = UserTable(
    table="users.csv",
    id="who",
    features=Features(continuous={"age": Continuous(min=0, max=120)}, categorical=("job",)),
)


def _load(folder: Path, lines: list[str], ids: list[str]) -> Users:
    (folder / "users.csv").write_text("\n".join(["who,age,job", *lines]))
    with engine.connect() as connection:
        return load_users(connection, TABLE, folder, pa.array(ids))


def test_rows_stand_in_the_order_of_the_users_and_who_is_missing_is_null(tmp_path: Path) -> None:
    users = _load(tmp_path, ["u3,30,cook", "u1,,smith", "nobody,50,cook"], ["u1", "u2", "u3"])
    assert users.table.to_pylist() == [
        {"age": None, "job": "smith"},
        {"age": None, "job": None},
        {"age": 30, "job": "cook"},
    ]
    assert users.rows_read == 3
    assert len(users.quarantine) == 0


def test_what_cannot_be_used_goes_to_quarantine(tmp_path: Path) -> None:
    lines = ["u1,20,cook", "u1,21,smith", "u1,999,king", "u2,-1,cook"]
    users = _load(tmp_path, lines, ["u1", "u2"])
    assert users.table.to_pylist() == [{"age": 21, "job": "smith"}, {"age": None, "job": None}]
    assert users.quarantine.counts() == {
        "a later row has the same user": 1,
        "age above 120": 1,
        "age below 0": 1,
    }


def test_a_wrong_cell_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"users.csv, column 'age', row 2: expected a number, received 'old'"):
        _load(tmp_path, ["u1,20,cook", "u2,old,cook"], ["u1"])


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    jobs = [f"job {n}" for n in range(50_000)]
    file = tmp_path / "users.parquet"
    pq.write_table(pa.table({"who": jobs, "age": [30] * len(jobs), "job": jobs}), file, compression="zstd")
    group = pq.read_metadata(file).row_group(0).column(2)
    with file.open("r+b") as damaged:
        damaged.seek(group.data_page_offset + group.total_compressed_size // 2)
        damaged.write(bytes(5_000))
    table = TABLE.model_copy(update={"table": "users.parquet"})
    with (
        engine.connect() as connection,
        pytest.raises(DataError, match=r"users.parquet: expected a readable"),
    ):
        load_users(connection, table, tmp_path, pa.array(jobs))


def test_the_table_lists_everybody_once(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("who,age,job\nu2,20,cook\nu10,,\nu2,30,cook\n")
    with engine.connect() as connection:
        assert sorted(listed_users(connection, TABLE, tmp_path).to_pylist()) == ["u10", "u2"]


def test_who_did_nothing_gets_a_row_and_events_keep_their_users() -> None:
    log = Interactions(
        *(np.array(column) for column in ([1, 0, 1], [7, 8, 9], [7, 8, 9], [0, 0, 0], [1, 2, 3]))
    )
    nothing = Quarantine(pa.table({"reason": pa.array([], pa.string())}))
    events = Events(log, log.take(np.array([1])), pa.array(["b", "d"]), nothing, 3)
    more = events.with_users(pa.array(["c", "a", "b"]))
    assert more.user_ids.to_pylist() == ["a", "b", "c", "d"]
    assert [more.user_ids[user].as_py() for user in more.log.user_E] == ["d", "b", "d"]
    assert [more.user_ids[user].as_py() for user in more.negatives.user_E] == ["b"]
    assert more.log.item_E.tolist() == [7, 8, 9]
    assert events.with_users(pa.array(["d"])) is events
