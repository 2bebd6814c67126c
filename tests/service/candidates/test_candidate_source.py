"""The contract of `CandidateSource`, of the service in this process and of its client over HTTP."""

from __future__ import annotations

import numpy as np
import pytest

from dlrs.candidates.filtering.filters import Filter, parse_filters
from dlrs.errors import RequestError, WrongBundle
from dlrs.service.bundle import ServingBundle
from dlrs.service.seams import CandidateAnswer, CandidateRequest, CandidateSource, Query, Wanted
from service.candidates.conftest import Market

LATE = 4 * 10**15
CHEAP = parse_filters([{"feature": "price", "max": 9000}])


def _of(market: Market, row: int) -> tuple[str, Query]:
    """Return an item of the bundle, and the query that it answers best."""
    items = market.catalogue.live.view().snapshot.items
    return items.ids_N[row].decode(), Query(items.embedding_ND[row])


def test_the_nearest_are_found_with_what_rank_net_needs(candidates: CandidateSource, market: Market) -> None:
    id, query = _of(market, 5)
    bundle_id = market.catalogue.bundle.id
    answer = candidates.candidates(CandidateRequest(bundle_id, (query,), 20))
    view = market.catalogue.live.view()
    rows, similarity = view.propose(query.vector_D[None], 20)
    assert answer.ids == [one.decode() for one in view.take(rows[0]).ids_N.tolist()]
    np.testing.assert_array_equal(answer.items.embedding_ND, view.take(rows[0]).embedding_ND)
    np.testing.assert_array_equal(answer.similarity_T, similarity[0])
    again = candidates.represent(bundle_id, [answer.ids[3], "nobody", id])
    assert again.ids == [answer.ids[3], id]
    np.testing.assert_array_equal(again.items.wide_N[0], answer.items.wide_N[3])


def test_several_sources_filters_and_what_is_known(candidates: CandidateSource, market: Market) -> None:
    (first, one), (_, other) = _of(market, 5), _of(market, 50)
    request = CandidateRequest(
        market.catalogue.bundle.id,
        (Query(one.vector_D, 0.5), Query(other.vector_D, 0.3)),
        30,
        [first],
        CHEAP,
        0.2,
    )
    answer = candidates.candidates(request)
    assert len(set(answer.ids)) == 30
    assert first not in answer.ids
    assert all(item.features["price"] <= 9000 for item in candidates.items(answer.ids).values())
    popular = candidates.popular(request.bundle_id, 3, CHEAP)
    assert set(popular) - {first} <= set(answer.ids)


def test_who_met_more_than_a_request_can_say_gets_nothing_of_it_again(
    candidates: CandidateSource, market: Market
) -> None:
    _, query = _of(market, 5)
    bundle_id = market.catalogue.bundle.id
    nearest = candidates.candidates(CandidateRequest(bundle_id, (query,), 10)).ids
    since = [f"{number:0>40}" for number in range(60_000)]  # 2.6 MB
    answer = candidates.candidates(CandidateRequest(bundle_id, (query,), 30, [*nearest[:5], *since]))
    assert nearest[5] in answer.ids
    assert not set(nearest[:5]) & set(answer.ids)
    assert len(answer.items) == len(answer.similarity_T) == len(answer.ids)


def test_what_is_wanted_beside_them_comes_last_as_far_as_it_may(
    candidates: CandidateSource, market: Market
) -> None:
    (first, query), (known, _), (other, _) = (_of(market, row) for row in (5, 50, 60))
    there = candidates.items([first, known, other])
    dear = max(there.values(), key=lambda item: item.features["price"]).features["price"]
    below = parse_filters([{"feature": "price", "max": dear - 1}])
    wanted = [first, known, other, "nobody", other]
    bundle_id = market.catalogue.bundle.id

    def asked(filters: tuple[Filter, ...] = ()) -> CandidateAnswer:
        request = CandidateRequest(bundle_id, (query,), 1, [known], filters, 0.0, wanted)
        return candidates.candidates(request)

    answer = asked()
    assert answer.ids == [first, other]
    assert answer.similarity_T[1] == 0
    vectors_ND = market.catalogue.live.view().snapshot.items.embedding_ND
    np.testing.assert_array_equal(answer.items.embedding_ND, vectors_ND[[5, 60]])
    passing = {id for id, item in there.items() if item.features["price"] < dear} - {known}
    found = asked(below).ids
    assert set(found[1:]) <= passing
    assert {first, other} & passing <= set(found)
    candidates.delete([other])
    assert other not in asked().ids


def test_a_short_list_says_why(candidates: CandidateSource, market: Market) -> None:
    id, query = _of(market, 5)
    only = parse_filters([{"feature": "item_id", "any_of": [id]}])
    answer = candidates.candidates(CandidateRequest(market.catalogue.bundle.id, (query,), 7, filters=only))
    assert answer.ids == [id]
    assert answer.shortfall is not None
    assert (answer.shortfall.matching, answer.shortfall.asked) == (1, 7)


def test_what_was_put_is_found_and_what_was_deleted_is_not(
    candidates: CandidateSource, market: Market
) -> None:
    id, query = _of(market, 5)
    raw = candidates.items([id])[id].features
    seq = candidates.put({"new": raw})
    request = CandidateRequest(market.catalogue.bundle.id, (query,), 3)
    answer = candidates.candidates(request)
    assert {id, "new"} <= set(answer.ids)
    assert answer.seq == seq
    assert candidates.delete(["new", id, "nobody"]) == ["new", id]
    assert not {id, "new"} & set(candidates.candidates(request).ids)
    assert candidates.gone(seq).ids == ["new", id]
    assert candidates.gone(candidates.gone(0).seq).ids == []
    gone = candidates.items(["new", id, "nobody"])
    assert {one: (item.gone, item.features) for one, item in gone.items()} == {
        "new": (True, raw),
        id: (True, raw),
    }


def test_versions_are_what_an_item_was(candidates: CandidateSource, market: Market) -> None:
    id, _ = _of(market, 5)
    old = candidates.items([id])[id].features
    candidates.put({id: {**old, "price": 1.0}, "new": old})
    now = market.catalogue.items_as_of + 10
    wanted = [(id, now - 1), (id, now), (id, 0), ("new", 0), ("nobody", 0)]
    found = candidates.versions([Wanted(*one) for one in wanted])
    assert found == [old, {**old, "price": 1.0}, old, old, None]
    candidates.delete([id])
    assert candidates.versions([Wanted(id, LATE), Wanted(id, 0)]) == [None, old]


def test_what_does_not_fit_is_refused(
    candidates: CandidateSource, bundle: ServingBundle, market: Market
) -> None:
    _, query = _of(market, 5)
    with pytest.raises(WrongBundle) as refused:
        candidates.candidates(CandidateRequest("other", (query,), 5))
    assert refused.value.held == (bundle.id,)
    with pytest.raises(RequestError, match="coordinates"):
        candidates.candidates(CandidateRequest(bundle.id, (Query(query.vector_D[:3]),), 5))
    wrong = parse_filters([{"feature": "speed", "max": 1}])
    with pytest.raises(RequestError, match="speed"):
        candidates.candidates(CandidateRequest(bundle.id, (query,), 5, filters=wrong))
