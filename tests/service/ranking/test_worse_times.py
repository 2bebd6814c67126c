"""Down, slow and changing dependencies: always a list, always labelled, never one of two bundles."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from dlrs.candidates.filtering.filters import parse_filters
from dlrs.candidates.filtering.relaxing import parse_steps
from dlrs.errors import RequestError, Unavailable
from dlrs.service.ranking import whole_path
from dlrs.service.ranking.bounded import Bounded
from dlrs.service.ranking.ranking_service import RankingService
from dlrs.service.seams import Answer
from service.ranking.conftest import User
from service.ranking.fakes import Stage

DOWN = Unavailable("down")


def ids(answer: Answer) -> list[str]:
    return [item.id for item in answer.items]


def test_without_candidates_his_last_list_and_filters_hold_for_it(stage: Stage, users: list[User]) -> None:
    user = users[0].id
    good = stage.service.recommend(user, 20)
    stage.candidates.weather.error = DOWN
    worse = stage.service.recommend(user, 20)
    assert (worse.degraded, ids(worse)) == ("cached", ids(good))
    fuel = good.items[0].features["fuel"]
    filters = parse_filters([{"feature": "fuel", "any_of": [fuel]}])
    some = stage.service.recommend(user, 20, filters=filters)
    assert ids(some) == [item.id for item in good.items if item.features["fuel"] == fuel]
    nothing = parse_filters([{"feature": "price", "max": 0}])
    relaxed = stage.service.recommend(
        user, 3, filters=nothing, relax=parse_steps([{"feature": "price", "drop": True}])
    )
    assert (relaxed.steps, ids(relaxed)) == (1, ids(good)[:3])


def test_what_he_met_since_leaves_his_last_list(stage: Stage, users: list[User]) -> None:
    user = users[0].id
    good = stage.service.recommend(user, 5)
    profile = stage.profiles.known[user]
    met = replace(profile, version="9", known_ids=[*profile.known_ids, ids(good)[0]])
    stage.profiles.known[user] = met
    stage.candidates.weather.error = DOWN
    assert ids(stage.service.recommend(user, 5)) == ids(good)[1:]


def test_deleted_items_never_come_back(stage: Stage, users: list[User]) -> None:
    user = users[0].id
    stage.service.refresh()
    good = stage.service.recommend(user, 10)
    popular = stage.candidates.popular(stage.bundle.id, 10)
    stage.candidates.delete([*ids(good)[:2], popular[0]])
    slow = stage.candidates.candidates
    stage.candidates.candidates = _fail  # type: ignore[method-assign]  # the rest answers
    cached, board = stage.service.recommend(user, 10), stage.service.recommend("never seen", 10)
    assert (cached.degraded, ids(cached)) == ("cached", ids(good)[2:])
    assert popular[0] not in ids(board)
    stage.candidates.weather.error = DOWN  # all is down: what was known stands
    assert ids(stage.service.recommend(user, 10)) == ids(good)[2:]
    assert popular[0] not in ids(stage.service.recommend("never seen", 10))
    stage.candidates.candidates = slow  # type: ignore[method-assign]


def _fail(request: object) -> None:
    raise DOWN


def test_without_a_last_list_what_is_popular_his_category_first(stage: Stage, users: list[User]) -> None:
    stage.service.refresh()
    stage.candidates.weather.error = DOWN
    user = users[0].id
    category = stage.bundle.recipe.marketplace.negatives_by
    counts = stage.profiles.known[user].values[category]
    likeliest = max(counts, key=lambda value: (counts[value], value))
    answer = stage.service.recommend(user, 20)
    assert (answer.degraded, answer.basis) == ("popular", "popular")
    his = [item.features[category] == likeliest for item in answer.items]
    assert his == sorted(his, reverse=True)
    assert his[0]
    assert set(ids(answer)).isdisjoint(stage.profiles.known[user].known_ids)
    assert stage.metrics.registry.get_sample_value("dlrs_degraded_total", {"level": "popular"}) == 1


def test_what_few_users_met_is_not_popular(stage: Stage) -> None:
    first, second = stage.ids()[11], stage.ids()[12]
    stage.profiles.met = [(first, 2), (second, 3)]
    stage.service.refresh()
    stage.candidates.weather.error = DOWN
    answer = stage.service.recommend("never seen", 500)
    assert ids(answer)[0] == second
    assert ids(answer).index(first) > 0 if first in ids(answer) else True


def test_nothing_at_all_is_unavailable(stage: Stage, users: list[User]) -> None:
    stage.candidates.weather.error = stage.profiles.weather.error = DOWN
    with pytest.raises(Unavailable):
        stage.service.recommend(users[0].id, 5)


def test_without_profiles_the_last_one_that_was_known(stage: Stage, users: list[User]) -> None:
    user = users[0].id
    good = stage.service.recommend(user, 10)
    stage.profiles.weather.error = DOWN
    stale = stage.service.recommend(user, 10)
    assert (stale.degraded, ids(stale)) == ("stale", ids(good))
    assert stage.service.recommend(users[1].id, 10).degraded == "popular"  # of whom none is known
    stage.service.forget(user)
    assert stage.service.recommend(user, 10).degraded == "popular"


def test_an_erased_user_has_no_last_list(stage: Stage, users: list[User]) -> None:
    user = users[0].id
    stage.service.refresh()
    stage.service.recommend(user, 10)
    del stage.profiles.known[user]
    assert stage.service.recommend(user, 10).basis == "popular"
    stage.candidates.weather.error = DOWN
    assert stage.service.recommend(user, 10).degraded == "popular"


def test_a_user_erased_elsewhere_has_no_last_list_either(stage: Stage, users: list[User]) -> None:
    user = users[0].id
    stage.service.refresh()
    stage.service.recommend(user, 10)
    del stage.profiles.known[user]  # nobody tells the service, and there is no good list in between
    stage.candidates.weather.error = DOWN
    assert stage.service.recommend(user, 10).degraded == "popular"
    stage.profiles.weather.error = DOWN
    assert stage.service.recommend(user, 10).degraded == "popular"


def test_values_that_no_item_has_are_not_kept(stage: Stage) -> None:
    """Else whoever sends profiles of made-up values could fill the memory."""
    stage.service.refresh()
    stage.candidates.weather.error = DOWN
    category = stage.bundle.recipe.marketplace.negatives_by
    there = stage.service.recommend("never seen", 1).items[0].features[category]
    for value in ["made up", "so, too", there]:
        given = stage.service.given({category: {value: 1.0}}, {})
        assert len(stage.service.recommend(None, 5, profile=given).items) == 5
    board = stage.service._worse._popular
    assert board is not None
    assert list(board._firsts) == [(category, there)]


def test_nothing_of_a_user_stays_in_memory(stage: Stage, users: list[User]) -> None:
    """Whatever refers to him from the service, by any way, is gone."""
    stage.service.refresh()
    stage.service.recommend(users[0].id, 10)
    stage.service.recommend(users[1].id, 10)
    assert mentions(stage.service, users[0].id)
    stage.service.forget(users[0].id)
    assert not mentions(stage.service, users[0].id)
    assert mentions(stage.service, users[1].id)


def mentions(service: RankingService, user_id: str) -> bool:
    caches = [
        cache
        for part in (service._users, service._worse, service._askers, service._explaining)
        for cache in vars(part).values()
        if isinstance(cache, Bounded)
    ]
    assert len(caches) == 5
    keys = [key if isinstance(key, tuple) else (key,) for cache in caches for key in cache._kept]
    return any(user_id in key for key in keys)


def test_without_ranknet_the_candidates_order(
    stage: Stage, users: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise FloatingPointError("overflow")

    monkeypatch.setattr(whole_path, "logits", broken)
    answer = stage.service.recommend(users[0].id, 10)
    assert answer.degraded == "cosine"
    assert ids(answer) == list(stage.decisions.kept[answer.decision_id].candidates[:10])
    scores = [item.score for item in answer.items]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(("sleep", "levels"), [(0.0, {None}), (0.05, {None}), (0.5, {"cached"})])
def test_slow_candidates(
    staged: Callable[..., Stage], users: list[User], sleep: float, levels: set[str | None]
) -> None:
    stage = staged(deadline=0.4)
    for user in users:
        stage.service.recommend(user.id, 10)
    stage.candidates.weather.sleep = sleep
    found = {stage.service.recommend(user.id, 10).degraded for user in users}
    assert found == levels


@pytest.mark.parametrize(("sleep", "level"), [(0.05, None), (0.5, "stale")])
def test_slow_profiles(
    staged: Callable[..., Stage], users: list[User], sleep: float, level: str | None
) -> None:
    stage = staged(deadline=0.4)
    good = stage.service.recommend(users[0].id, 10)
    stage.profiles.weather.sleep = sleep
    answer = stage.service.recommend(users[0].id, 10)
    assert (answer.degraded, ids(answer)) == (level, ids(good))


def test_a_dependency_that_hangs_is_left_alone_and_tried_again(
    staged: Callable[..., Stage], users: list[User]
) -> None:
    stage = staged(deadline=0.2)
    good = stage.service.recommend(users[0].id, 10)
    stage.candidates.weather.sleep = 1.0
    for _ in range(12):
        assert stage.service.recommend(users[0].id, 10).degraded == "cached"
    calls = stage.candidates.weather.calls
    assert calls < 10  # the breaker opened: no request waits for what hangs
    stage.candidates.weather.sleep = 0.0
    end = time.monotonic() + 20
    while stage.service.recommend(users[0].id, 10).degraded is not None and time.monotonic() < end:
        time.sleep(0.05)
    assert ids(stage.service.recommend(users[0].id, 10)) == ids(good)


def test_filters_that_do_not_fit_are_refused_in_worse_times_too(stage: Stage, users: list[User]) -> None:
    stage.service.refresh()
    stage.candidates.weather.error = DOWN
    with pytest.raises(RequestError, match="colour"):
        stage.service.recommend(
            users[0].id, 5, filters=parse_filters([{"feature": "colour", "any_of": ["RED"]}])
        )


def test_the_background_keeps_popular_items_ready(stage: Stage) -> None:
    stage.service.start()
    end = time.monotonic() + 20
    while stage.candidates.weather.calls < 6 and time.monotonic() < end:
        time.sleep(0.02)
    stage.candidates.weather.error = DOWN
    assert len(stage.service.recommend("never seen", 5).items) == 5


def test_a_flip_of_bundles_fails_no_request_and_mixes_none(stage: Stage, users: list[User]) -> None:
    """Both sides change from one bundle to the next and back, never at the same moment."""
    other = replace(stage.bundle, id="next")
    turns = [(0, 0), (1, 0), (1, 1), (2, 1), (2, 2), (1, 2), (3, 2), (3, 3), (0, 3)]
    both = [[stage.bundle], [other, stage.bundle], [other], [stage.bundle, other]]

    def ask(number: int) -> Answer:
        return stage.service.recommend(users[number % len(users)].id, 10)

    def flip(sides: Sequence[int]) -> None:
        ours, theirs = sides
        stage.held = both[ours]
        stage.theirs = [bundle.id for bundle in both[theirs]]

    with ThreadPoolExecutor(4) as threads:
        asked = []
        for turn in range(60):
            asked += [threads.submit(ask, turn + n) for n in range(2)]
            flip(turns[turn % len(turns)])
            time.sleep(0.002)
        answers = [future.result() for future in asked]
    assert stage.candidates.wrong > 0
    assert {answer.degraded for answer in answers} == {None}
    assert {answer.bundle_id for answer in answers} <= {stage.bundle.id, "next"}
    for answer in answers:
        assert stage.decisions.kept[answer.decision_id].bundle_id == answer.bundle_id


def test_an_answer_of_another_bundle_is_never_ranked(stage: Stage, users: list[User]) -> None:
    honest = stage.candidates.candidates
    stage.candidates.candidates = lambda request: replace(honest(request), bundle_id="other")  # type: ignore[method-assign]
    stage.service.refresh()
    assert stage.service.recommend(users[0].id, 5).degraded == "popular"


def test_no_bundle_yet_is_unavailable(staged: Callable[..., Stage], users: list[User]) -> None:
    stage = staged(deadline=0.05)
    stage.held = []
    with pytest.raises(Unavailable):
        stage.service.recommend(users[0].id, 5)
