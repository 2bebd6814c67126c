"""What a bundle recommends in the loop is what it would recommend from prepared data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from closed_loop.conftest import SETTINGS, Bundles
from dlrs.arrays import NO_ITEM, Ints
from dlrs.bundle import bundle_at
from dlrs.candidates.histories import histories_before
from dlrs.candidates.retrieval import Retrieval
from dlrs.candidates.vectors import ItemVectors
from dlrs.closed_loop.records import Records
from dlrs.closed_loop.serving import BundleRecommender, Day
from dlrs.errors import ArtifactError
from dlrs.model.forward import load_nets
from dlrs.prepared import Prepared, open_prepared
from dlrs.publishing.published import Published
from dlrs.recommenders.recommender import Audience, TwoStageRecommender
from dlrs.simulator.life import Life
from dlrs.simulator.marketplace import Market
from dlrs.simulator.settings import DAY
from dlrs.standing import prepared_standing

K = 10
TEST = (SETTINGS.test_from - SETTINGS.start).days


@pytest.fixture(scope="module")
def prepared(bundles: Bundles) -> Prepared:
    return open_prepared(bundles.prepared)


@pytest.fixture(scope="module")
def life(market: Market) -> Life:
    return market.live()


@pytest.fixture(scope="module")
def records(prepared: Prepared, market: Market, tmp_path_factory: pytest.TempPathFactory) -> Records:
    folder = tmp_path_factory.mktemp("records")
    found = Records.of(market, prepared.recipe.marketplace, folder)
    assert not list(folder.iterdir())  # the table that it read is gone
    return found


def test_the_table_that_a_recipe_names_is_left_alone(
    prepared: Prepared, market: Market, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.parquet"
    mine.write_text("years of work")
    described = prepared.recipe.marketplace
    table = described.items.model_copy(update={"table": str(mine)})
    (tmp_path / "work").mkdir()
    found = Records.of(market, described.model_copy(update={"items": table}), tmp_path / "work")
    assert mine.read_text() == "years of work"
    assert found.versions.num_rows == prepared.versions.num_rows


@pytest.fixture(scope="module")
def served(bundles: Bundles, records: Records) -> BundleRecommender:
    return BundleRecommender(Published.load(bundle_at(bundles.good)), records, TEST)


def _there(market: Market, day: int) -> Ints:
    return np.flatnonzero((market.ads.born_N <= day * DAY) & (market.ads.died_N > day * DAY))


def _day(market: Market, life: Life, day: int) -> Day:
    log = life.events.take(life.events.time_E < day * DAY)
    return Day(day, np.unique(log.user_E)[::3], _there(market, day).astype(np.int32), log)


def _user_rows(market: Market, prepared: Prepared, users: Ints) -> Ints:
    ids = pa.array(market.user_ids_U[users].astype(str))
    rows: Ints = pc.index_in(ids, value_set=prepared.user_ids).to_numpy(zero_copy_only=False)
    return rows.astype(np.int64)


def test_the_log_is_the_prepared_one(
    market: Market, life: Life, prepared: Prepared, records: Records
) -> None:
    theirs = prepared.interactions.between(0, int(prepared.starts_Q[-1]))
    ours = records.interactions(_day(market, life, TEST).log)
    user_E = _user_rows(market, prepared, ours.user_E)
    found = np.column_stack([user_E, ours.item_E, ours.version_E, ours.type_E, ours.time_E])
    expected = [theirs.user_E, theirs.item_E, theirs.version_E, theirs.type_E, theirs.time_E]
    np.testing.assert_array_equal(found, np.column_stack(expected))
    fitted = prepared.facts["interaction_weights"]
    weights_T = [fitted[name] for name in ("view", "bookmark", "print", "contact")]
    assert records.weights(ours).domain_T.tolist() == weights_T


@pytest.mark.parametrize("strategy", ["direct", "pseudo-user", "cluster", "mixed"])
def test_lists_of_the_first_day_are_those_of_the_evaluation(
    strategy: str, bundles: Bundles, market: Market, life: Life, prepared: Prepared, records: Records
) -> None:
    day = _day(market, life, TEST)
    settings = prepared.recipe.candidates.model_copy(update={"strategy": strategy, "count": 2 * K})
    published = Published.load(bundle_at(bundles.good))
    recipe = published.recipe.model_copy(update={"candidates": settings})
    lists_UK = BundleRecommender(replace(published, recipe=recipe), records, TEST).lists(day, K)

    nets, cut = load_nets(bundles.trained / "refit"), int(prepared.starts_Q[-1])
    versions_A = prepared.catalog.alive_at(cut)
    items = nets.embed_items(prepared.encoded_versions.take(versions_A))
    items_A = prepared.catalog.item_V[versions_A]
    vectors = ItemVectors(items.embedding_ND, settings.metric)
    measured = TwoStageRecommender(
        nets,
        items,
        items_A,
        Audience(
            prepared.profiles,
            prepared.profile_of_QU[prepared.cut_period],
            prepared.encoding.space,
            histories=histories_before(prepared, cut),
        ),
        settings,
        Retrieval.build(vectors, settings, prepared_standing(prepared, cut).recent_N[items_A]),
    )
    user_U = _user_rows(market, prepared, day.users_U.astype(np.int64))
    known_UN = prepared.interactions.between(0, cut).matrix(len(prepared.user_ids), prepared.catalog.items)
    expected_UK = measured.recommend(user_U, K, known_UN=known_UN[user_U]).items_UK

    has_profile = prepared.profile_of_QU[prepared.cut_period, user_U] >= 0
    assert 20 < has_profile.sum() < len(has_profile)
    assert (lists_UK[~has_profile] == NO_ITEM).all()
    ids_UK = market.item_ids_N[lists_UK[has_profile]].astype(str)
    np.testing.assert_array_equal(ids_UK, np.array(prepared.item_ids.to_pylist())[expected_UK[has_profile]])


def test_a_later_day_knows_later_events_and_ads(
    market: Market, life: Life, served: BundleRecommender
) -> None:
    served.lists(_day(market, life, TEST), 1)
    day = _day(market, life, SETTINGS.days - 1)
    lists_UK = served.lists(day, K)
    shown = lists_UK[lists_UK != NO_ITEM]
    assert np.isin(shown, day.ads_A).all()
    assert (market.ads.born_N[shown] > TEST * DAY).any()  # it came after the cut
    known = set(zip(day.log.user_E.tolist(), day.log.item_E.tolist(), strict=True))
    listed = zip(np.repeat(day.users_U, K).tolist(), lists_UK.ravel().tolist(), strict=True)
    assert not known & set(listed)


def test_a_part_of_the_users_gets_the_same_lists(
    market: Market, life: Life, served: BundleRecommender
) -> None:
    day = _day(market, life, TEST)
    some = np.arange(len(day.users_U)) % 3 == 0
    np.testing.assert_array_equal(served.lists(day.among(some), K), served.lists(day, K)[some])
    assert served.lists(day.among(np.zeros_like(some)), K).shape == (0, K)


def test_another_log_is_refused(bundles: Bundles, market: Market, life: Life, records: Records) -> None:
    day = _day(market, life, TEST)
    other = replace(day, log=day.log.take(slice(0, len(day.log) - 50)))
    with pytest.raises(ArtifactError, match="trained on another log"):
        BundleRecommender(Published.load(bundle_at(bundles.good)), records, TEST).lists(other, K)
