"""The whole path where items and users have every kind of feature, and tables come in three forms."""

from __future__ import annotations

import numpy as np
import pytest

from dlrs import pipeline
from dlrs.folders import RunFolder
from dlrs.prepared import Prepared, open_prepared
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
