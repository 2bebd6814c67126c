"""Scoring: a submission against what is known to have happened. The log is streamed, never in memory."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dlrs.arrays import Bools, Ints
from dlrs.bundle import open_folder
from dlrs.errors import DataError, RequestError
from dlrs.recsys2017.loading import EVENTS, ITEMS, KIND, MEMORY, USERS
from dlrs.recsys2017.measure import Score, did, score
from dlrs.recsys2017.official import TYPES, Official
from dlrs.recsys2017.submission import Pairs, Rules, read


def score_file(submission: Path, data: Path, *, truth: Path | None = None, since: str | None = None) -> Score:
    """Return what a submission file is worth.

    Args:
        submission: the file; it must keep to the rules.
        data: the folder that `loading.load` wrote: targets, who is premium, which ads are paid for.
        truth: an interactions.csv, or a Parquet file of the form of events.parquet; None: that of `data`.
        since: a day; only what happened from then on counts.

    Raises:
        DataError: the submission breaks a rule, or the events cannot be read.
        RequestError: `since` is no day.
    """
    pairs = read(submission, Rules.of(data))
    folder = open_folder(data, KIND)
    premium = _marked(folder / USERS, "premium")
    paid = _marked(folder / ITEMS, "is_payed")
    type_E, pair_E = _events(pairs, truth or folder / EVENTS, _moment(since))
    return score(
        pairs.item_P,
        did(type_E, pair_E, len(pairs)),
        _among(pairs.user_P, premium),
        _among(pairs.item_P, paid),
    )


def _events(pairs: Pairs, truth: Path, since: datetime | None) -> tuple[Ints, Ints]:
    """Return type and pair of the events of the pairs, each type of a pair once."""
    asked = pa.table({"user_id": pairs.user_P, "item_id": pairs.item_P, "pair": np.arange(len(pairs))})
    with closing(duckdb.connect()) as connection:
        connection.execute(f"SET memory_limit = '{MEMORY}'")
        connection.register("asked", asked)
        try:
            found = connection.execute(
                f"""
                SELECT DISTINCT interaction_type::BIGINT AS type, pair
                FROM ({_truth(truth, connection)}) AS events
                JOIN asked USING (user_id, item_id)
                WHERE ?::TIMESTAMP IS NULL OR time >= ?
                """,
                [since, since],
            ).fetchnumpy()
        except duckdb.Error as error:
            raise DataError(
                f"{truth}: expected user_id, item_id, type and time of interactions, received: {error}."
            ) from error
    return np.asarray(found["type"], dtype=np.int64), np.asarray(found["pair"], dtype=np.int64)


def _truth(file: Path, connection: duckdb.DuckDBPyConnection) -> str:
    """Return SQL for user_id, item_id, interaction_type and time of either kind of file."""
    if file.suffix == ".csv":
        if file.name != Official.INTERACTIONS_FILE:
            raise DataError(f"{file}: expected interactions.csv or a Parquet file, received another name.")
        moment = "make_timestamp(created_at * 1000000) AS time"
        return f"SELECT *, {moment} FROM ({Official(file.parent, connection).interactions})"
    names = ", ".join(f"'{name}'" for name in TYPES)
    quoted = str(file).replace("'", "''")
    return f"SELECT *, list_position([{names}], type) - 1 AS interaction_type FROM '{quoted}'"


def _marked(file: Path, column: str) -> Ints:
    """Return the ids of users or items for which a column is 1."""
    table = pq.read_table(file, columns=["id", column])
    marks = table[column].fill_null(0).to_numpy() == 1
    ids: Ints = table["id"].to_numpy()[marks]
    return ids


def _among(ids_P: Ints, some: Ints) -> Bools:
    return np.asarray(np.isin(ids_P, some))


def _moment(since: str | None) -> datetime | None:
    try:
        return None if since is None else datetime.fromisoformat(since)
    except ValueError as error:
        raise RequestError(f"since: expected a day like 2017-01-30, received '{since}'.") from error
