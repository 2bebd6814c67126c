"""The whole path where items and users have every kind of feature, and tables come in three forms."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from dlrs import pipeline
from dlrs.folders import RunFolder
from dlrs.prepared import Prepared, open_prepared

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


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("games")
    _write(folder)
    return pipeline.run(folder / "recipe.toml", folder / "run")


@pytest.fixture(scope="module")
def prepared(folders: RunFolder) -> Prepared:
    return open_prepared(folders.prepared)


def _write(folder: Path) -> None:
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


def test_every_feature_has_its_columns(prepared: Prepared) -> None:
    space = prepared.encoding.space
    assert space.continuous == ("price", "released")
    assert space.categorical == ("id", "genre", "released_year", "released_month", "tags", "description")
    assert space.own_categorical == ("user_id", "country", "languages")
    sizes = dict(zip(space.categorical, space.sizes_F, strict=True))
    assert (sizes["id"], sizes["genre"], sizes["released_year"], sizes["tags"]) == (60, 2, 1, 5)
    assert sizes["released_month"] <= 12
    assert sizes["description"] <= 64
    assert space.own_sizes_F == (38, 2, 2)


def test_a_profile_holds_the_items_and_tags_that_its_user_met(prepared: Prepared) -> None:
    facts, space = prepared.profile_facts, prepared.encoding.space
    row = 5
    user, period = facts.user_P[row], facts.period_P[row]
    until = prepared.starts_Q[period]
    met = prepared.interactions.between(until - 14 * 86_400_000_000, until)
    met = met.take(met.user_E == user)
    profile = prepared.profiles.take(np.array([row])).matrix(space, side="user").toarray()[0]
    items = prepared.encoded_versions.take(met.version_E).matrix(space, side="item").toarray()
    expected = items[:, 2:].mean(axis=0)  # the mean of what he met, scaled anew for what was not known
    for start, end in zip(space.starts_F[:-1], space.starts_F[1:], strict=True):
        expected[start:end] /= expected[start:end].sum() or 1
    np.testing.assert_allclose(profile[2:], expected, atol=1e-6)


def test_profiles_carry_the_features_of_their_user(prepared: Prepared) -> None:
    assert prepared.own_features is not None
    space = prepared.encoding.space
    of_profiles = prepared.profiles.own_matrix(space).toarray()
    own = prepared.own_features.matrix(
        type(space)(space.own_continuous, space.own_categorical, space.own_sizes_F), side="item"
    ).toarray()
    np.testing.assert_array_equal(of_profiles, own[prepared.profile_facts.user_P])
    assert not own[prepared.user_ids.index("u39").as_py()].any()  # whom the table lacks


def test_ads_end_when_their_row_says_so(prepared: Prepared) -> None:
    ended = prepared.catalog.items - len(
        prepared.catalog.alive_at(int(prepared.starts_Q[-1]) + 8 * 86_400_000_000)
    )
    assert ended == 12


def test_it_recommends_and_shows_every_feature(folders: RunFolder) -> None:
    found = pipeline.recommend(folders.prepared, folders.registry, "u2", k=3)
    assert len(found.items) == 3
    assert any(line.startswith("tags: ") for line in found.profile)
    assert any("×÷" in line for line in found.profile)  # prices on their logarithmic scale
    assert not any(line.startswith("description") for line in found.profile)
