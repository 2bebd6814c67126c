"""The whole path: the same lists as the recommender that the evaluation judges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from dlrs.candidates.filtering.filters import parse_filters
from dlrs.candidates.filtering.relaxing import parse_steps
from dlrs.candidates.filtering.where import Where
from dlrs.candidates.retrieval import Retrieval
from dlrs.candidates.vectors import ItemVectors
from dlrs.errors import RequestError
from dlrs.recommenders.recommender import Audience, TwoStageRecommender
from dlrs.schema import ITEM
from service.ranking.conftest import User
from service.ranking.fakes import Stage, known_1N, nobody, stored


@pytest.mark.parametrize("strategy", ["direct", "pseudo-user", "mixed"])
def test_lists_equal_the_recommenders(stage: Stage, users: list[User], strategy: str) -> None:
    content = stage.bundle.recipe.candidates.model_dump() | {"strategy": strategy, "count": 60}
    settings = type(stage.bundle.recipe.candidates).model_validate(content)
    recipe = stage.bundle.recipe.model_copy(update={"candidates": settings})
    stage.held[0] = replace(stage.bundle, recipe=recipe)
    items = stored(stage.published).representations
    recent = stored(stage.published).retrieval.recent_A
    retrieval = Retrieval.build(ItemVectors(items.embedding_ND, settings.metric), settings, recent)
    rows_A = np.arange(len(items))
    nets = stage.bundle.nets
    judged = TwoStageRecommender(nets, items, rows_A, Audience.empty(nets.space), settings, retrieval)
    for user in users:
        known = stage.profiles.known[user.id]
        expected = judged.recommend_to(
            user.encoded, 10, known_UN=known_1N(stage.published, known.known_ids), histories=user.histories
        )
        answer = stage.service.recommend(user.id, 10)
        assert [item.id for item in answer.items] == [stage.ids()[row] for row in expected.items_UK[0]]
        np.testing.assert_allclose(
            [i.score for i in answer.items], expected.scores_UK[0], rtol=1e-4, atol=1e-5
        )
        assert (answer.degraded, answer.basis, answer.bundle_id) == (None, "profile", stage.bundle.id)
        assert (
            answer.items[0].features["price"]
            == stage.published.items["price"][stage.ids().index(answer.items[0].id)].as_py()
        )


def test_mixed_without_a_history_is_popular_then_direct(stage: Stage, users: list[User]) -> None:
    settings = stage.bundle.recipe.candidates.model_copy(update={"strategy": "pseudo-user"})
    recipe = stage.bundle.recipe.model_copy(update={"candidates": settings})
    lists = []
    for bundle in (stage.bundle, replace(stage.bundle, recipe=recipe)):
        stage.held[0] = bundle
        stage.profiles.known["x"] = replace(stage.profiles.known[users[0].id], user_id="x", history=())
        stage.profiles.known["x"] = replace(stage.profiles.known["x"], version=str(len(lists)))
        lists.append([item.id for item in stage.service.recommend("x", 10).items])
    assert lists[0] == lists[1]


def test_unknown_users_get_what_is_popular(stage: Stage) -> None:
    answer = stage.service.recommend("never seen", 10)
    assert (answer.basis, answer.degraded) == ("popular", None)
    assert [item.id for item in answer.items] == stage.candidates.popular(stage.bundle.id, 10)


def test_few_popular_items_are_filled_up(stage: Stage) -> None:
    popular = len(stage.candidates.popular(stage.bundle.id, 5000))
    filters = parse_filters(
        [{"feature": "item_id", "none_of": stage.candidates.popular(stage.bundle.id, popular)[3:]}]
    )
    answer = stage.service.recommend("never seen", 10, filters=filters)
    assert [item.id for item in answer.items[:3]] == stage.candidates.popular(stage.bundle.id, 3)
    assert len({item.id for item in answer.items}) == 10


def test_filters_relaxing_and_overrides(stage: Stage, users: list[User]) -> None:
    user = users[0].id
    overrides = parse_filters([{"feature": "category", "none_of": ["Motorbike"]}])
    stage.profiles.known[user] = replace(stage.profiles.known[user], overrides=overrides, version="2")
    filters = parse_filters([{"feature": "price", "max": 900}, {"feature": "fuel", "any_of": ["DIESEL"]}])
    steps = parse_steps([{"feature": "price", "widen": 0.1}, {"feature": "price", "drop": True}])
    strict = stage.service.recommend(user, 20, filters=filters)
    assert strict.filters == (*filters, *overrides)
    assert strict.shortfall is not None
    assert (strict.shortfall.asked, strict.shortfall.found) == (20, len(strict.items))
    passing = Where(stage.published.attributes, strict.filters).rows_R
    known = set(stage.profiles.known[user].known_ids)
    assert {i.id for i in strict.items} == {stage.ids()[row] for row in passing} - known
    relaxed = stage.service.recommend(user, 20, filters=filters, relax=steps)
    assert relaxed.steps == 2
    assert relaxed.filters == (filters[1], *overrides)
    assert len(relaxed.items) == 20
    assert relaxed.shortfall is None
    assert all(item.features["fuel"] == "DIESEL" for item in relaxed.items)


def test_filters_that_do_not_fit_are_refused_and_no_failure(stage: Stage, users: list[User]) -> None:
    for _ in range(10):
        with pytest.raises(RequestError, match="colour"):
            stage.service.recommend(
                users[0].id, 5, filters=parse_filters([{"feature": "colour", "any_of": ["RED"]}])
            )
    assert stage.service.recommend(users[0].id, 5).degraded is None


def test_overrides_of_features_that_went_are_left_out(stage: Stage, users: list[User]) -> None:
    overrides = parse_filters(
        [{"feature": "wings", "none_of": ["2"]}, {"feature": "fuel", "none_of": ["DIESEL"]}]
    )
    user = users[0].id
    stage.profiles.known[user] = replace(stage.profiles.known[user], overrides=overrides, version="3")
    answer = stage.service.recommend(user, 5)
    assert answer.filters == overrides[1:]
    assert all(item.features["fuel"] != "DIESEL" for item in answer.items)


def test_search_may_bring_known_items_back(stage: Stage, users: list[User]) -> None:
    profile = replace(
        nobody("x"), events=1, version="4", known_ids=stage.ids()[:1950], values={"fuel": {"DIESEL": 1}}
    )
    stage.profiles.known["x"] = profile
    home, search = (stage.service.recommend("x", 20, page=page) for page in ("home", "search"))  # type: ignore[arg-type]
    known = set(profile.known_ids)
    assert known.isdisjoint(item.id for item in home.items)
    assert known.intersection(item.id for item in search.items)


def test_a_wishlist_is_near_what_was_more_than_viewed(stage: Stage, users: list[User]) -> None:
    user = users[0]
    liked = [replace(met, type="contact") for met in user.history[:1]]
    looked = [replace(met, type="view") for met in user.history[1:]]
    profile = replace(stage.profiles.known[user.id], history=[*liked, *looked], version="5")
    stage.profiles.known[user.id] = profile
    answer = stage.service.recommend(user.id, 10, page="wishlist")
    encoding, nets = stage.bundle.encoding, stage.bundle.nets
    from dlrs.service.ranking.tables import table_of

    features = encoding.items.features
    liked_D = nets.embed_items(
        encoding.encode_items(table_of([liked[0].features or {}], features))
    ).embedding_ND[0]
    decision = stage.decisions.kept[answer.decision_id]
    items = stored(stage.published).representations.embedding_ND
    cosine_N = items @ liked_D / np.linalg.norm(items, axis=1)
    cosine_N[[stage.ids().index(id) for id in set(profile.known_ids) & set(stage.ids())]] = -np.inf
    assert decision.candidates[0] == stage.ids()[int(cosine_N.argmax())]


def test_similar_items(stage: Stage) -> None:
    id = stage.ids()[7]
    answer = stage.service.similar(id, 5)
    assert answer is not None
    scores = [item.score for item in answer.items]
    assert len(scores) == 5
    assert scores == sorted(scores, reverse=True)
    assert id not in [item.id for item in answer.items]
    stage.candidates.delete([id])
    assert stage.service.similar(id, 5) is None


def test_ranking_a_given_list(stage: Stage, users: list[User]) -> None:
    ids = stage.ids()[:30]
    stage.candidates.delete(ids[3:4])
    answer, missing = stage.service.rank(users[0].id, [*ids, "nowhere", ids[0]])
    assert missing == [ids[3], "nowhere"]
    assert {item.id for item in answer.items} == set(ids) - {ids[3]}
    rows = np.array([stage.ids().index(item.id) for item in answer.items])
    items = stored(stage.published).representations.take(rows)
    nets = stage.bundle.nets
    expected = nets.logits(nets.embed_users(users[0].encoded), nets.item_halves(items), np.arange(29)[None])[
        0
    ]
    np.testing.assert_allclose([item.score for item in answer.items], expected, rtol=1e-4, atol=1e-5)
    assert (np.diff(expected) <= 1e-5).all()


def test_t_is_never_less_than_k(staged: Callable[..., Stage], users: list[User]) -> None:
    stage = staged(count=5)
    assert len(stage.service.recommend(users[0].id, 50).items) == 50


def test_an_item_that_goes_at_the_last_moment_is_not_shown(stage: Stage, users: list[User]) -> None:
    first = stage.service.recommend(users[0].id, 10).items[0].id
    stage.candidates.before_items = lambda: stage.candidates.delete([first])  # after the search
    answer = stage.service.recommend(users[0].id, 10)
    assert len(answer.items) == 10
    assert first not in [item.id for item in answer.items]
    assert first not in stage.decisions.kept[answer.decision_id].candidates
    assert ITEM in answer.items[0].features
