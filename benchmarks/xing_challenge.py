"""XING's subset as the files of the RecSys Challenge 2017: the challenge's own recipe and verbs run on it.

    python benchmarks/xing_challenge.py $DLRS_DATA/xing2017_subset OUT

OUT/official/           the five files: warm pairs as clicks, the cold ads to be filled from all users
OUT/later/              interactions.csv with the cold pairs: what is scored
OUT/most_active.tsv, random.tsv, random_once.tsv    submissions that need no model

The subset has no times. A twentieth of the warm ads, by a hash, has all its pairs in the last week, another
in the week before; the rest lies on seven weeks before these, by a hash of the pair. So both weeks are of new
ads, as what is to be filled is. Types are merged there, premium and paid unknown: each pair
is a click, no ad is paid.
"""

from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path

import duckdb
import numpy as np

from dlrs.recsys2017.official import INTERACTIONS, ITEMS, USERS
from dlrs.recsys2017.submission import MOST_USERS, Pairs, write

PREFIX = "recsyschallenge_v2017_{}_final_anonym_training_export."
END = 1_486_339_200
"""2017-02-06 in UTC, seconds: where the recipe's log ends."""

WEEK = 7 * 86_400

PAIRS = f"""
CREATE TABLE pairs AS
WITH drawn AS (
    SELECT
        "user" AS user_id,
        item AS item_id,
        md5_number_lower(item::VARCHAR) % 20 AS item_lot,
        md5_number_lower("user" || ' ' || item) AS lot
    FROM 'warm.parquet'
)
SELECT
    user_id,
    item_id,
    1 AS interaction_type,
    {END} - {WEEK} * CASE item_lot WHEN 0 THEN 1 WHEN 1 THEN 2 ELSE 3 + lot // {WEEK} % 7 END
        + lot % {WEEK} AS created_at
FROM drawn
"""

ITEM_ROWS = f"""
WITH described AS (
    SELECT
        item AS id,
        string_agg(feature, ',' ORDER BY feature) FILTER (feature < 726) AS title,
        max(feature) FILTER (feature BETWEEN 726 AND 730) AS career_level,
        max(feature) FILTER (feature BETWEEN 751 AND 773) AS discipline_id,
        max(feature) FILTER (feature BETWEEN 731 AND 750) AS industry_id,
        max(feature) FILTER (feature BETWEEN 774 AND 776) AS country,
        0 AS is_payed,
        max(feature) FILTER (feature BETWEEN 777 AND 793) AS region,
        max(value) FILTER (feature = 794) AS latitude,
        max(value) FILTER (feature = 795) AS longitude,
        max(feature) FILTER (feature BETWEEN 796 AND 799) AS employment,
        string_agg(feature, ',' ORDER BY feature) FILTER (feature > 799) AS tags
    FROM 'item_features.parquet'
    GROUP BY item
)
SELECT
    described.*,
    coalesce((SELECT min(created_at) FROM pairs WHERE item_id = id), {END - 3600}) AS created_at
FROM described
ORDER BY id
"""

FACTS = [name for name in USERS if name not in ("id", "jobroles", "premium")]
USER_ROWS = f"""
SELECT
    "user" AS id,
    string_agg(feature, ',' ORDER BY feature) AS jobroles,
    {", ".join(f"NULL AS {name}" for name in FACTS)},
    0 AS premium
FROM 'user_features.parquet'
GROUP BY "user"
ORDER BY id
"""

COLD_ROWS = f"""
SELECT "user" AS user_id, item AS item_id, 1 AS interaction_type, {END} AS created_at FROM 'cold.parquet'
"""


def write_files(connection: duckdb.DuckDBPyConnection, out: Path) -> None:
    """Write the five files, and the answers."""
    official, later = out / "official", out / "later"
    official.mkdir(parents=True, exist_ok=True)
    later.mkdir(exist_ok=True)
    connection.execute(PAIRS)
    _write(connection, ITEM_ROWS, "items", list(ITEMS), official)
    _write(connection, USER_ROWS, "users", list(USERS), official)
    order = "ORDER BY created_at, user_id, item_id"
    _write(connection, f"FROM pairs {order}", "interactions", list(INTERACTIONS), official)
    _write(connection, f"{COLD_ROWS} {order}", "interactions", list(INTERACTIONS), later)
    users, items = _targets(connection)
    (official / "targetUsers.csv").write_text("\n".join(map(str, users.tolist())) + "\n", encoding="utf-8")
    (official / "targetItems.csv").write_text("\n".join(map(str, items.tolist())) + "\n", encoding="utf-8")


def write_submissions(connection: duckdb.DuckDBPyConnection, out: Path) -> None:
    """Write what needs no model: the most active users for each ad, any users, any ad for each user."""
    users, items = _targets(connection)
    rng = np.random.default_rng(0)
    active = connection.execute(
        f"SELECT user_id FROM pairs GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {MOST_USERS}"
    ).fetchnumpy()["user_id"]
    item_P = np.repeat(items, MOST_USERS)
    write(Pairs(item_P, np.tile(active, len(items))), out / "most_active.tsv")
    drawn = np.concatenate([rng.choice(users, MOST_USERS, replace=False) for _ in items])
    write(Pairs(item_P, drawn), out / "random.tsv")
    item_U = np.sort(rng.choice(items, len(users)))
    write(Pairs(item_U, rng.permutation(users)), out / "random_once.tsv")


def _targets(connection: duckdb.DuckDBPyConnection) -> tuple[np.ndarray, np.ndarray]:
    users = connection.execute(
        "SELECT DISTINCT \"user\" FROM 'user_features.parquet' ORDER BY 1"
    ).fetchnumpy()
    items = connection.execute("SELECT DISTINCT item FROM 'cold.parquet' ORDER BY 1").fetchnumpy()
    return users["user"], items["item"]


def _write(
    connection: duckdb.DuckDBPyConnection, select: str, table: str, columns: list[str], folder: Path
) -> None:
    prefix = PREFIX.format(table)
    named = ", ".join(f'{column} AS "{prefix}{column}"' for column in columns)
    file = str(folder / f"{table}.csv").replace("'", "''")
    form = "FORMAT csv, DELIMITER '\t', QUOTE '', NULLSTR 'NULL'"
    connection.execute(f"COPY (SELECT {named} FROM ({select})) TO '{file}' ({form})")


def main() -> None:
    """Write everything for a folder with the subset."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("subset", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    with closing(duckdb.connect()) as connection:
        quoted = str(given.subset.resolve()).replace("'", "''")
        connection.execute(f"SET file_search_path = '{quoted}'")
        write_files(connection, given.out)
        write_submissions(connection, given.out)


if __name__ == "__main__":
    main()
