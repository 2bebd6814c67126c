"""The recipe for a real log of eighteen years, as far as its data set. Without the log it is skipped."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from dlrs.data import engine
from dlrs.data.events import load_events
from dlrs.data.items import load_items, version_table
from dlrs.data.values import values_of
from dlrs.errors import DataError
from dlrs.recipe import DATA_VARIABLE, read_recipe
from dlrs.schema import Marketplace

RECIPE = Path(__file__).parents[1] / "recipes/ifdb.toml"


@pytest.fixture(scope="module")
def folder() -> Path:
    folder = Path(os.environ.get(DATA_VARIABLE, "")) / "ifdb"
    if DATA_VARIABLE not in os.environ or not folder.is_dir():
        pytest.skip(f"needs the log ifdb in the folder that {DATA_VARIABLE} names")
    return folder


@pytest.fixture(scope="module")
def marketplace() -> Marketplace:
    return read_recipe(RECIPE).marketplace


def test_games_have_their_features_or_lack_them(folder: Path, marketplace: Marketplace) -> None:
    with engine.connect() as connection:
        items = load_items(connection, marketplace, folder)
        games = version_table(items)
    assert games.num_rows == items.rows_read == 6103
    assert games["published"].null_count == 56  # 54 empty cells, two that name no month
    tags = values_of(games, "tags", marketplace.features)
    assert len(np.unique(tags.row_E)) == 6103 - 92
    assert len(tags.value_E.unique()) == 4335
    genres = values_of(games, "genre", marketplace.features).value_E.unique().to_pylist()
    assert {"Fantasy", "RPG"} <= set(genres)
    assert "Fantasy/RPG" not in genres


def test_events_that_cannot_be_used_are_counted(folder: Path, marketplace: Marketplace) -> None:
    with engine.connect() as connection:
        events = load_events(connection, marketplace, folder, load_items(connection, marketplace, folder))
    assert events.rows_read == 69_385
    assert events.quarantine.counts() == {
        "no usable row of this item in the item table": 9_526,
        "no usable version of the item at that time": 58,  # played before the date of publication
    }


def test_without_the_mark_the_wrong_date_is_an_error(folder: Path, marketplace: Marketplace) -> None:
    described = marketplace.items.model_copy(update={"missing": ()})
    with (
        engine.connect() as connection,
        pytest.raises(DataError, match=r"'published', row \d+: expected a time .* '2001-00-00 00:00:00'"),
    ):
        load_items(connection, marketplace.model_copy(update={"items": described}), folder)
