"""A bundle remembers what its users did before the watermark, whatever features there are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dlrs import pipeline
from dlrs.data.interactions import ALL_TIME, micros
from dlrs.errors import ArtifactError
from dlrs.features.single import SingleEncoding
from dlrs.past.encounters import encounters
from dlrs.past.stored import Past, texts_of
from dlrs.past.writing import write_past
from dlrs.prepared import Prepared, open_prepared
from dlrs.profiles.one_user import summarise
from every_kind import write_games


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("games")
    write_games(folder)
    pipeline.prepare(folder / "recipe.toml", folder / "prepared")
    return open_prepared(folder / "prepared")


@pytest.fixture(scope="module")
def past(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Past:
    bundle = tmp_path_factory.mktemp("bundle")
    write_past(prepared, _end(prepared), bundle)
    return Past.open(bundle, prepared.recipe.marketplace.features)


def _end(prepared: Prepared) -> int:
    return micros(prepared.recipe.marketplace.split.test_until)


def test_profiles_are_the_serving_ones(prepared: Prepared, past: Past) -> None:
    """Of all users, the row that the batch learner and the batch encoding made comes out."""
    features, weights = prepared.recipe.marketplace.features, prepared.facts["interaction_weights"]
    weight_T = np.array([weights[name] for name in prepared.recipe.marketplace.interaction_types])
    single = SingleEncoding(prepared.encoding)
    checked = 0
    for user, profile in enumerate(prepared.profile_of_QU[prepared.serving_period].tolist()):
        row = past.row(prepared.user_ids[user].as_py())
        assert row == user
        met, _ = encounters(past, past.events(row))
        summary = summarise([met], features, weight_T)
        if profile < 0:
            assert summary.events < prepared.recipe.marketplace.profiles.minimum_events
            continue
        numbers = {name: SimpleNamespace(mean=n[0], std=n[1]) for name, n in summary.numbers.items()}
        one = single.profile(summary.values, numbers, past.own_of(row))
        expected = prepared.profiles.take(np.array([profile]))
        np.testing.assert_array_equal(one.offsets, expected.offsets)
        np.testing.assert_array_equal(one.columns_E, expected.columns_E)
        np.testing.assert_allclose(one.weights_E, expected.weights_E, rtol=2e-7)
        np.testing.assert_allclose(one.continuous_NC, expected.continuous_NC, rtol=1e-6, atol=1e-6)
        assert summary.events == prepared.profile_facts.events_P[profile]
        checked += 1
    assert checked > 30


def test_events_have_their_raw_features(prepared: Prepared, past: Past) -> None:
    end = _end(prepared)
    window = prepared.interactions.between(end - 14 * 86_400_000_000, end)
    for user in (0, 17):
        mine = window.take(window.user_E == user)
        events = past.events(user)
        np.testing.assert_array_equal(past.arrays.time_E[events], mine.time_E)
        versions = past.arrays.version_E[events]
        expected = prepared.versions.take(mine.version_E).to_pylist()
        names = prepared.recipe.marketplace.features.names
        assert past.raws(versions) == [{name: record[name] for name in names} for record in expected]
        items = prepared.item_ids.take(mine.item_E).to_pylist()
        assert past.item_ids(past.arrays.item_M[versions]) == items


def test_everything_ever_met_is_known(prepared: Prepared, past: Past) -> None:
    log = prepared.interactions.between(ALL_TIME, _end(prepared))
    for user in (0, 39):
        mine = log.take(log.user_E == user)
        last = {}
        for item, time in zip(mine.item_E.tolist(), mine.time_E.tolist(), strict=True):
            last[prepared.item_ids[item].as_py()] = time
        met = texts_of(past.met(user, 0))
        assert sorted(met) == sorted(last)
        assert [last[item] for item in met] == sorted(last.values())
        since = sorted(last.values())[len(last) // 2]
        assert sorted(texts_of(past.met(user, since))) == sorted(
            i for i, time in last.items() if time >= since
        )


def test_a_stranger_has_no_row(past: Past) -> None:
    for stranger in ("", "u", "u0\0", "u00", "zebra", "ü", "\ud800", "u" * 600):
        assert past.row(stranger) is None


def test_a_bundle_of_an_older_dlrs_has_an_empty_past(prepared: Prepared, tmp_path: Path) -> None:
    past = Past.open(tmp_path, prepared.recipe.marketplace.features)
    assert past.row("u0") is None
    met, versions = encounters(past, slice(0, 0))
    assert (len(met), len(versions)) == (0, 0)
    summary = summarise([met], past.features, np.ones(1))
    assert (summary.events, summary.numbers) == (0, {})


def test_data_of_an_older_dlrs_is_prepared_again(prepared: Prepared, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="Prepare again"):
        write_past(replace(prepared, own_raw=None), _end(prepared), tmp_path)


def test_prepared_data_keeps_the_users_own_features(prepared: Prepared) -> None:
    assert prepared.own_raw is not None
    assert prepared.own_raw.num_rows == len(prepared.user_ids)
