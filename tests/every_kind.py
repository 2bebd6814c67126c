"""A small marketplace where items and users have every kind of feature, in tables of three forms."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

START = datetime(2020, 1, 6, tzinfo=UTC)
RECIPE = """
data = "."

[marketplace]
name = "games"
negatives_by = "genre"

[marketplace.items]
table = "items.jsonl"
id = "id"
valid_from = "from"
valid_to = "to"
time_format = "milliseconds"

[marketplace.events]
table = "log.tsv"
user = "who"
item = "id"
time = "when"
time_format = "%d.%m.%Y %H:%M"

[marketplace.users]
database = "sqlite:///people.db"
table = "people"
id = "user_id"

[marketplace.users.features]
categorical = ["user_id", "country"]
multi_valued = { languages = { separator = "/" } }
continuous = { age = {} }

[marketplace.features]
categorical = ["id", "genre"]
dates = { released = { parts = ["year", "month"], format = "%Y%m" } }
multi_valued = { tags = {} }
text = { description = { buckets = 64 } }
continuous.price = { transform = "log", min = 0 }
continuous.released = { kind = "time", format = "%Y%m" }

[marketplace.profiles]
window = "14d"

[marketplace.split]
train_from = 2020-01-20T00:00:00Z
validation_from = 2020-01-27T00:00:00Z
test_from = 2020-02-03T00:00:00Z
test_until = 2020-02-10T00:00:00Z

[samples]
uniform = 1

[training]
epochs = 2
bias_init = "zeros"

[candidates]
count = 20
"""


def write_games(folder: Path) -> None:
    """Two crowds, each with a genre, its tags and its language."""
    rng = np.random.default_rng(0)
    genres, tags = ["puzzle", "shooter"], [["quiet", "maths"], ["loud", "guns", "space"]]
    with (folder / "items.jsonl").open("w") as stream:
        for item in range(60):
            kind = item % 2
            row = {
                "id": item,
                "from": int((START - timedelta(days=1)).timestamp() * 1000),
                "to": None if item % 5 else int((START + timedelta(days=35)).timestamp() * 1000),
                "genre": genres[kind] if item % 7 else None,
                "tags": [str(t) for t in rng.choice(tags[kind], rng.integers(0, 3), replace=False)],
                "released": 201501 + int(rng.integers(0, 12)),
                "description": f"A {genres[kind]} game, number {item}" if item % 6 else None,
                "price": float(rng.integers(0, 60)) if item % 8 else None,
            }
            stream.write(json.dumps(row) + "\n")
    with (folder / "log.tsv").open("w") as stream:
        stream.write("who\tid\twhen\n")
        for user in range(40):
            for day in rng.integers(0, 35, 30):
                when = START + timedelta(days=int(day), hours=int(rng.integers(0, 24)))
                stream.write(f"u{user}\t{2 * rng.integers(0, 30) + user % 2}\t{when:%d.%m.%Y %H:%M}\n")
    database = sqlite3.connect(folder / "people.db")
    database.execute("CREATE TABLE people (user_id TEXT, age INTEGER, country TEXT, languages TEXT)")
    rows = [
        (f"u{u}", 20 + u if u % 3 else None, ["de", "lu"][u % 2], "de/en" if u % 2 else "") for u in range(38)
    ]
    database.executemany("INSERT INTO people VALUES (?, ?, ?, ?)", rows)
    database.commit()
    database.close()
    (folder / "recipe.toml").write_text(RECIPE)
