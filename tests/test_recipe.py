from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dlrs.errors import SchemaError
from dlrs.recipe import data_folder, parse_recipe, read_recipe
from dlrs.schema import Features


def _set(content: dict[str, Any], key: str, value: object) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        content = content[parent]
    content[last] = value


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("marketplace.prise", 1, ["marketplace.prise: unknown key", "name, items, events", "received 1"]),
        (
            "marketplace.profiles.refesh",
            "1d",
            ["profiles.refesh: unknown key; did you mean 'refresh'?", "window, refresh", "received '1d'"],
        ),
        ("marketplace.items.windw", 1, ["items.windw: unknown key. The keys here: table, database"]),
        ("marketplace.window", "1d", ["There is one of that name in [marketplace.profiles]."]),
        ("marketplace.features.continuous", {"price": {"mn": 1}}, ["price.mn", "'min'", "kind, format"]),
        ("trainig", {}, ["trainig: unknown key; did you mean 'training'?"]),
        ("marketplace.negatives_by", "price", ["categorical features (colour, kind)", "'price'"]),
        ("marketplace.profiles.window", "a month", ["marketplace.profiles.window", "'30d'", "'a month'"]),
        ("marketplace.profiles.window", "0d", ["longer than zero"]),
        ("marketplace.split.test_from", "2020-01-27T00:00:00", ["marketplace.split.test_from", "zone"]),
        ("marketplace.split.test_from", "2020-01-28T00:00:00Z", ["whole number of profile refreshes (7d)"]),
        ("marketplace.split.test_until", "2020-01-01T00:00:00Z", ["validation_from < test_from"]),
        ("marketplace.features.categorical", [], ["there are none; add one"]),
        ("marketplace.features.categorical", ["kind", "price"], ["received twice: price"]),
        ("marketplace.features.continuous", {"price": {"min": 5, "max": 1}}, ["min < max"]),
        ("marketplace.features.continuous", {"price": {"min": "cheap"}}, ["price.min", "'cheap'"]),
        ("marketplace.features.categorical", ["kind", "operation"], ["'operation'", "rename the column"]),
        ("marketplace.interaction_types", ["view", "contact", "view"], ["each once"]),
        ("evaluation", {"k": [0]}, ["evaluation.k.0", "greater than or equal to 1"]),
        ("evaluation", {"k": [5, 1]}, ["the shortest first"]),
        ("baselines", {"models": ["most popular", "ALS"]}, ["baselines.models.1", "'EASE'", "'ALS'"]),
        ("baselines", {"models": ["CF"]}, ["'most popular' among them", "received ['CF']"]),
        ("baselines", {"models": ["most popular"] * 2}, ["models: expected each once"]),
        ("candidates", {"index": "hnsw"}, ["candidates.index", "'ivf'", "'hnsw'"]),
        ("samples", {"category": 0}, ["at least one negative"]),
        ("marketplace.events.type", None, ["events.type"]),
        ("marketplace.items.valid_from", None, ["need 'valid_from'"]),
        ("training", {"objective": "best"}, ["training.objective", "'multi-cos'", "'best'"]),
        (
            "training",
            {"objective": "single", "similarity_optimiser": "separate"},
            ["training", "expected 'joint'", "'separate' with 'single'"],
        ),
        (
            "training",
            {"objective": "multi-cos-bar", "similarity_optimiser": "separate"},
            ["training", "expected 'joint'", "'separate' with 'multi-cos-bar'"],
        ),
    ],
)
def test_a_wrong_recipe_says_where_what_was_expected_and_what_came(
    content: dict[str, Any], key: str, value: object, says: list[str]
) -> None:
    _set(content, key, value)
    with pytest.raises(SchemaError) as error:
        parse_recipe(content, source="shop.toml")
    assert "shop.toml" in str(error.value)
    for words in says:
        assert words in str(error.value)


def test_a_recipe_survives_its_own_json(content: dict[str, Any]) -> None:
    recipe = parse_recipe(content, source="tiny.toml")
    assert parse_recipe(recipe.model_dump(mode="json"), source="json") == recipe


def test_the_hash_changes_with_the_marketplace_only(content: dict[str, Any]) -> None:
    before = parse_recipe(content, source="").marketplace.hash
    content["training"] = {"epochs": 9}
    assert parse_recipe(content, source="").marketplace.hash == before
    _set(content, "marketplace.profiles.minimum_events", 3)
    assert parse_recipe(content, source="").marketplace.hash != before


def test_periods_end_at_the_cut(content: dict[str, Any]) -> None:
    starts = parse_recipe(content, source="").marketplace.period_starts
    assert [start.day for start in starts] == [6, 13, 20, 27]


def test_missing_and_broken_files(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="no such file"):
        read_recipe(tmp_path / "none.toml")
    with pytest.raises(SchemaError, match="expected a TOML file"):
        read_recipe(tmp_path)
    broken = tmp_path / "broken.toml"
    broken.write_text("data = ")
    with pytest.raises(SchemaError, match=r"broken\.toml: expected a TOML file"):
        read_recipe(broken)


def test_the_data_folder_may_name_an_environment_variable(
    content: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    content["data"] = "$DLRS_DATA/shop"
    recipe = parse_recipe(content, source="")
    monkeypatch.setenv("DLRS_DATA", str(tmp_path))
    assert data_folder(recipe, Path("recipes")) == tmp_path / "shop"
    monkeypatch.setenv("DLRS_DATA", "here")  # whoever runs the recipe says so, from where he is
    assert data_folder(recipe, Path("recipes")) == Path.cwd() / "here" / "shop"
    monkeypatch.delenv("DLRS_DATA")
    with pytest.raises(SchemaError, match="DLRS_DATA is not set"):
        data_folder(recipe, Path("recipes"))
    with pytest.raises(SchemaError, match="dollar"):
        data_folder(recipe.model_copy(update={"data": "a$"}), Path("recipes"))


def test_the_ranker_of_the_moment_stands_behind_the_history_network_only(content: dict[str, Any]) -> None:
    content["training"] = {"network": "history", "ranker": "moment"}
    assert parse_recipe(content, source="x").training.ranker == "moment"
    content["training"] = {"ranker": "moment"}
    with pytest.raises(SchemaError, match=r"received 'moment' with 'thesis'\. Set network = \"history\""):
        parse_recipe(content, source="x")


def test_sets_look_back_farther_unless_told_otherwise(content: dict[str, Any]) -> None:
    def looks_back(**history: object) -> int:
        return parse_recipe(content | {"history": history}, source="r").history.looks_back

    assert looks_back(reading="set") == looks_back(reading="mean") == 200
    assert looks_back(reading="attention") == looks_back(reading="both") == 50
    assert looks_back(reading="set", length=7) == looks_back(reading="attention", length=7) == 7


def test_ids_of_users_are_a_feature_only_where_the_network_has_them(content: dict[str, Any]) -> None:
    content |= {"training": {"network": "history"}, "history": {"user_ids": True}}
    assert parse_recipe(content, source="r").user_features == Features(categorical=("user_id",))
    content["marketplace"]["users"] = {
        "table": "users.csv",
        "id": "user_id",
        "features": {"categorical": ["user_id", "role"]},
    }
    described = parse_recipe(content, source="r").user_features
    assert described is not None
    assert described.categorical == ("user_id", "role")
    content["history"] = {}
    with pytest.raises(SchemaError, match="user_ids = true"):
        parse_recipe(content, source="r")
    content["training"] = {}
    assert parse_recipe(content, source="r").user_features == described
