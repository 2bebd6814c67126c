"""Cards of marketplaces that are none of vehicles: with texts, without prices, without anything to tell."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from dlrs.features.encoding import Encoding
from dlrs.features.scaler import Scaler
from dlrs.features.table import TableEncoding
from dlrs.schema import Features
from dlrs.service.page.cards import card
from dlrs.service.page.wishes import fields, has_places

TABLE = pa.table(
    {
        "size": [1.0, 2.0, 4.0],
        "genre": ["puzzle", "shooter", "puzzle"],
        "maker": ["a", "b", "c"],
        "tags": [["x", "y"], ["z"], []],
        "title": ["one two", "three", None],
    }
)


def encoding(features: Features) -> Encoding:
    scaler = Scaler.fit(np.array([[1.0, 2.0], [0.0, 1.0]]))
    return Encoding(TableEncoding.fit(features, TABLE), None, scaler)


def test_a_text_is_the_title_and_the_first_number_stands_for_a_price() -> None:
    texts = encoding(
        Features(
            continuous={"size": {}},
            categorical=("genre",),
            multi_valued={"tags": {}},
            text={"title": {"buckets": 8}},
        )
    )
    shown = card("7", {"title": "A game", "size": 4.0, "genre": None, "tags": ["x", "y"]}, texts)
    assert (shown.title, shown.price, shown.place) == ("A game", "4", None)
    assert shown.facts == {"tags": "x, y"}


def test_without_numbers_there_is_no_price_and_no_range() -> None:
    words = encoding(Features(categorical=("genre", "maker"), multi_valued={"tags": {}}))
    shown = card("7", {"genre": "puzzle", "maker": "c", "tags": []}, words)
    assert (shown.title, shown.price) == ("c", None)  # the one with most values
    assert shown.facts == {"genre": "puzzle"}
    assert all(field.values for field in fields(words, {}))
    assert not has_places(words)


@pytest.mark.parametrize("raw", [{}, {"genre": None, "tags": []}])
def test_an_item_of_which_nothing_is_known_is_called_by_its_id(raw: dict[str, object]) -> None:
    words = encoding(Features(categorical=("genre",), multi_valued={"tags": {}}))
    shown = card("7", raw, words)
    assert (shown.title, shown.facts) == ("7", {})


def test_a_very_long_title_is_cut() -> None:
    words = encoding(Features(categorical=("genre",)))
    assert len(card("7", {"genre": "x " * 5000}, words).title) <= 80
