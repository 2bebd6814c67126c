"""The whole path where items and users have every kind of feature, and tables come in three forms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from dlrs import pipeline
from dlrs.errors import ArtifactError
from dlrs.folders import RunFolder
from dlrs.prepared import Prepared, open_prepared
from dlrs.publishing.published import LOGIT, open_current
from dlrs.publishing.recommending import Answers, recommend_to_all
from every_kind import write_games


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("games")
    write_games(folder)
    return pipeline.run(folder / "recipe.toml", folder / "run")


@pytest.fixture(scope="module")
def prepared(folders: RunFolder) -> Prepared:
    return open_prepared(folders.prepared)


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


def test_everybody_gets_what_he_would_get_alone(
    folders: RunFolder, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "lists.parquet"
    facts = recommend_to_all(folders.prepared, folders.registry, out, 3, block=16)
    lists = pq.read_table(out)
    assert lists.num_rows == facts["rows"] == 3 * facts["users"] == 3 * 40
    assert lists["user_id"].to_pylist() == sorted(lists["user_id"].to_pylist())
    assert lists["rank"].to_pylist() == [1, 2, 3] * 40
    for user_id in ("u0", "u17", "u39"):
        of_user = lists.filter(pc.equal(lists["user_id"], user_id))
        alone = pipeline.recommend(folders.prepared, folders.registry, user_id, k=3).items
        assert of_user["item_id"].to_pylist() == [item["item_id"] for item in alone]
        np.testing.assert_allclose(of_user["score"].to_numpy(), [item[LOGIT] for item in alone], atol=1e-6)
    # again, in the place of the first; but in nobody else's
    assert recommend_to_all(folders.prepared, folders.registry, out, 1)["rows"] == 40
    monkeypatch.setattr(Answers, "of_block", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        recommend_to_all(folders.prepared, folders.registry, out, 1)
    assert pq.read_table(out).num_rows == 40
    assert [file.name for file in tmp_path.iterdir()] == ["lists.parquet"]
    pq.write_table(lists.replace_schema_metadata(None), out)
    with pytest.raises(ArtifactError, match="an older file of recommendations"):
        recommend_to_all(folders.prepared, folders.registry, out, 1)


def test_a_long_history_still_leaves_what_is_left(
    folders: RunFolder, prepared: Prepared, tmp_path: Path
) -> None:
    recommend_to_all(folders.prepared, folders.registry, tmp_path / "lists.parquet", 100)
    lists = pq.read_table(tmp_path / "lists.parquet")
    log, user = prepared.interactions, prepared.user_ids.index("u5").as_py()
    met = set(prepared.item_ids.take(log.item_E[log.user_E == user]).to_pylist())
    recommended = lists.filter(pc.equal(lists["user_id"], "u5"))["item_id"].to_pylist()
    alive = set(open_current(folders.registry, prepared.encoding).items["item_id"].to_pylist())
    assert sorted(recommended) == sorted(alive - met)
