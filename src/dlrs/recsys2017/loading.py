"""Loading: the challenge's files as the tables that recipes/recsys2017.toml describes.

users.parquet, items.parquet    as distributed; an ad has `valid_from`, from when it can be recommended
events.parquet                  user_id, item_id, type, time: everything but impressions, and some of these
target_users.parquet, target_items.parquet

Of 320 million events nearly all are impressions. A share of the pairs (user, ad) that were shown is enough
to learn from what people pass by. It is drawn by a hash of the pair, so that it is the same everywhere, and
a pair counts once.
"""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from dlrs import bundle
from dlrs.bundle import Folder
from dlrs.errors import DataError
from dlrs.progress import stage
from dlrs.recsys2017.official import TYPES, Official

KIND = "recsys2017"
USERS, ITEMS, EVENTS = "users.parquet", "items.parquet", "events.parquet"
TARGET_USERS, TARGET_ITEMS = "target_users.parquet", "target_items.parquet"
MEMORY = "3GB"
"""What DuckDB may take; what sorts and groups do not fit in spills into the folder that is being written."""

LOTS = 1 << 32


def load(folder: Path, out: Path, *, impressions: float = 0.05) -> Folder:
    """Turn the challenge's files into a data folder for the recipe.

    Args:
        folder: with the five files as distributed.
        out: the folder to write; an older one of the kind is replaced.
        impressions: the share of shown pairs that is kept, 0 to 1.

    Raises:
        DataError: a file is missing, or holds something else.
    """
    if not 0 <= impressions <= 1:
        raise DataError(f"impressions: expected a share from 0 to 1, received {impressions}.")
    facts: dict[str, Any] = {"impressions_kept": impressions}
    with bundle.writing(out, KIND, facts=facts) as hidden, closing(duckdb.connect()) as connection:
        connection.execute(f"SET memory_limit = '{MEMORY}'")
        connection.execute(f"SET temp_directory = '{hidden / 'spill'}'")
        facts |= _tables(Official(folder, connection), hidden, impressions)
    return bundle.open_folder(out, KIND)


def cuts(last: datetime, *, weeks: int = 6) -> dict[str, str]:
    """Return the cuts of a recipe for a log that ends at `last`: a week of test, one of validation."""
    until = datetime(last.year, last.month, last.day, tzinfo=last.tzinfo) + timedelta(days=1)
    week = timedelta(days=7)
    named = {
        "train_from": until - (weeks + 2) * week,
        "validation_from": until - 2 * week,
        "test_from": until - week,
        "test_until": until,
    }
    return {name: cut.strftime("%Y-%m-%dT00:00:00Z") for name, cut in named.items()}


def _tables(official: Official, out: Path, impressions: float) -> dict[str, Any]:
    counts = {}
    with stage("Read targets and users"):
        counts["target_users"] = official.copy(f"{official.target_users} ORDER BY 1", out / TARGET_USERS)
        counts["target_items"] = official.copy(f"{official.target_items} ORDER BY 1", out / TARGET_ITEMS)
        counts["users"] = official.copy(f"{official.users} ORDER BY id", out / USERS)
    with stage("Read interactions"):
        counts["events"] = official.copy(_events(official, impressions), out / EVENTS)
    if counts["events"] == 0:
        raise DataError(f"{official.folder / 'interactions.csv'}: expected interactions, received none.")
    first, last = _span(official, out / EVENTS)
    with stage("Read items"):
        counts["items"] = official.copy(_items(official, out), out / ITEMS)
    spill = out / "spill"
    if spill.is_dir():
        spill.rmdir()
    return {**counts, "first_event": first.isoformat(), "last_event": last.isoformat()}


def _events(official: Official, impressions: float) -> str:
    """Keep what users did, and of what they were shown a share of the pairs, each once."""
    names = " ".join(f"WHEN {number} THEN '{name}'" for number, name in enumerate(TYPES))
    wrong = f"{official.folder / 'interactions.csv'}: expected an interaction_type from 0 to 5, received "
    quoted = wrong.replace("'", "''")
    kept = int(impressions * LOTS)
    return f"""
        WITH kept AS (
            SELECT user_id, item_id, interaction_type, min(created_at) AS created_at
            FROM ({official.interactions})
            WHERE interaction_type IS DISTINCT FROM 0
                OR md5_number_lower(user_id || ' ' || item_id) % {LOTS} < {kept}
            GROUP BY user_id, item_id, interaction_type, CASE WHEN interaction_type <> 0 THEN created_at END
        )
        SELECT
            user_id,
            item_id,
            CASE interaction_type {names}
                ELSE error('{quoted}' || coalesce(interaction_type::VARCHAR, 'none')) END AS type,
            make_timestamp(created_at * 1000000) AS time
        FROM kept
        ORDER BY time, user_id, item_id, type
    """


def _items(official: Official, out: Path) -> str:
    """Say from when an ad holds: since it was made, but never after its first event.

    Ads that are to be recommended hold at the end of the log, whenever they are said to begin.
    """
    return f"""
        WITH met AS (SELECT item_id, min(time) AS first FROM '{out / EVENTS}' GROUP BY item_id),
        ended AS (SELECT max(time) AS last FROM '{out / EVENTS}')
        SELECT
            items.*,
            CASE
                WHEN created_at IS NULL THEN NULL
                WHEN target.item_id IS NOT NULL THEN least(make_timestamp(created_at * 1000000), first, last)
                ELSE least(make_timestamp(created_at * 1000000), first)
            END AS valid_from
        FROM ({official.items}) AS items
        CROSS JOIN ended
        LEFT JOIN met ON met.item_id = items.id
        LEFT JOIN '{out / TARGET_ITEMS}' AS target ON target.item_id = items.id
        ORDER BY id
    """


def _span(official: Official, events: Path) -> tuple[datetime, datetime]:
    found = official.connection.execute(f"SELECT min(time), max(time) FROM '{events}'").fetchone()
    assert found is not None
    return found[0], found[1]
