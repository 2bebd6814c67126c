"""Where held-out pairs are lost, on the golden log of conftest.py, worked out by hand.

Held out of the judged users 0 and 2 (window universe): (0, 0) known, (0, 1) warm, (0, 4) cold, (2, 1) warm.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from dlrs.arrays import NO_ITEM
from dlrs.evaluation.funnel import STAGES, held_out, look_into
from dlrs.evaluation.judged import evaluate
from dlrs.evaluation.staged import Shortlist, Staged, staged
from dlrs.evaluation.static import LeftOut, StaticTest

DAY = 86_400_000_000
KS = (1, 3)


@pytest.fixture
def held(golden):
    test = golden()
    return held_out(golden.args[0].between(10 * DAY, 20 * DAY), test)


def look(test, held, shortlist, lists, ks=KS):
    return look_into([shortlist], np.array(lists), held, test, ks)


def test_held_out_are_all_pairs_of_the_judged_users_in_the_window(held):
    assert held.toarray().astype(bool).tolist() == [
        [True, True, False, False, True, False],
        [False, True, False, False, False, False],
    ]


def test_every_stage_loses_what_it_loses(golden, held):
    # user 0: item 4 first of the list, item 1 among the candidates but ranked last; user 2: item 1 not found
    shortlist = Shortlist(np.array([[2, 4, 5, 1], [0, 4, 5, 2]]), handed_on=4)
    found = look(golden(), held, shortlist, [[4, 5, 2], [0, 5, 4]])
    assert (found.candidates, found.handed_on) == (4, 4)
    assert found.pairs["all"]["@1"] == dict(zip(STAGES, (1, 0, 1, 0, 1, 1), strict=True))
    assert found.pairs["all"]["@3"] == found.pairs["all"]["@1"]
    assert found.pairs["warm"]["@3"] == dict(zip(STAGES, (1, 0, 1, 0, 1, 0), strict=True))
    assert found.pairs["cold"]["@3"] == dict(zip(STAGES, (0, 0, 0, 0, 0, 1), strict=True))


def test_what_is_not_handed_on_is_lost_in_the_cut(golden, held):
    shortlist = Shortlist(np.array([[2, 4, 5, 1], [0, 1, 5, 2]]), handed_on=2)
    found = look(golden(), held, shortlist, [[2, 4, NO_ITEM], [0, 1, NO_ITEM]])
    assert (found.candidates, found.handed_on) == (4, 2)
    # at 1: (0, 1) is cut, (0, 4) and (2, 1) stand second
    assert found.pairs["all"]["@1"] == dict(zip(STAGES, (1, 0, 0, 1, 2, 0), strict=True))
    assert found.pairs["all"]["@3"] == dict(zip(STAGES, (1, 0, 0, 1, 0, 2), strict=True))
    # what was cut no ranker could have brought back: one of user 0's two
    assert found.ceiling["all"]["recall@3"].tolist() == [1 / 2, 1]


def test_outside_of_the_strict_catalogue_are_items_born_later(golden):
    test = golden(universe="cut")
    held = held_out(golden.args[0].between(10 * DAY, 20 * DAY), test)
    shortlist = Shortlist(np.array([[1, 2, 5], [1, 0, 5]]), handed_on=3)
    found = look(test, held, shortlist, [[1, 2, 5], [1, 0, 5]])
    assert found.pairs["all"]["@1"] == dict(zip(STAGES, (1, 1, 0, 0, 0, 2), strict=True))
    assert found.pairs["cold"]["@1"] == dict(zip(STAGES, (0, 1, 0, 0, 0, 0), strict=True))


def test_the_ceiling_has_all_relevant_candidates_first(golden, held):
    shortlist = Shortlist(np.array([[2, 4, 5], [0, 5, 1]]), handed_on=3)
    found = look(golden(), held, shortlist, [[2, 5, 4], [0, 5, 1]])
    # user 0 wants {1, 4} and has 4 among the candidates; user 2 wants {1} and has it
    assert found.ceiling["all"]["precision@3"].tolist() == [1 / 3, 1 / 3]
    assert found.ceiling["all"]["recall@1"].tolist() == [1 / 2, 1]
    assert found.ceiling["all"]["ndcg@3"].tolist() == pytest.approx([1 / (1 + 1 / np.log2(3)), 1])
    assert found.ceiling["warm"]["recall@3"].tolist() == [0, 1]
    assert found.ceiling["cold"]["recall@3"].tolist() == [1]  # user 2 wants nothing cold


def test_retrieval_alone_is_the_list_in_the_order_of_the_candidates(golden, held):
    shortlist = Shortlist(np.array([[2, 4, 5, 1], [1, 0, 5, 2]]), handed_on=4)
    found = look(golden(), held, shortlist, [[1, 4, 2], [0, 5, 2]])
    assert found.retrieval["all"]["precision@1"].tolist() == [0, 1]
    assert found.retrieval["all"]["precision@3"].tolist() == [1 / 3, 1 / 3]
    assert found.retrieval["warm"]["mrr@3"].tolist() == [0, 1]
    assert found.retrieval["cold"]["mrr@3"].tolist() == [1 / 2]


def test_reach_is_the_share_of_new_positives_among_the_first_candidates(golden, held):
    # fourteen places: the warm positive of user 0 stands at the twelfth, his cold one first; user 2 has none
    filler = [2, 5, 0, *[NO_ITEM] * 8]
    shortlist = Shortlist(np.array([[4, *filler, 1, NO_ITEM, NO_ITEM], [NO_ITEM] * 15]), handed_on=15)
    found = look(golden(), held, shortlist, [[4, 5, 2], [NO_ITEM] * 3])
    assert found.reach["all"] == {"@10": pytest.approx(1 / 3), "@15": pytest.approx(2 / 3)}
    assert found.reach["warm"] == {"@10": 0, "@15": 1 / 2}
    assert found.reach["cold"] == {"@10": 1, "@15": 1}


def test_fewer_candidates_than_places_are_padded(golden, held):
    shortlist = Shortlist(np.array([[4], [NO_ITEM]]), handed_on=1)
    found = look(golden(), held, shortlist, [[4, NO_ITEM, NO_ITEM], [NO_ITEM] * 3])
    assert found.retrieval["all"]["precision@3"].tolist() == [1 / 3, 0]
    assert found.pairs["all"]["@3"] == dict(zip(STAGES, (1, 0, 2, 0, 0, 1), strict=True))


def test_blocks_of_users_do_not_change_the_result(golden, held):
    lists = np.array([[4, 5, 2], [0, 5, 4]])
    whole = Shortlist(np.array([[2, 4, 5, 1], [0, 4, 5, 2]]), handed_on=3)
    parts = [replace(whole, items_UT=whole.items_UT[:1]), replace(whole, items_UT=whole.items_UT[1:])]
    one, other = look_into([whole], lists, held, golden(), KS), look_into(parts, lists, held, golden(), KS)
    assert one.pairs == other.pairs
    for part in ("ceiling", "retrieval"):
        for group, metrics in getattr(one, part).items():
            for metric, values_U in metrics.items():
                assert values_U.tolist() == getattr(other, part)[group][metric].tolist()


class Halves:
    """Finds all items in falling order, hands on two, and recommends these the other way round."""

    def __init__(self, fixed):
        self._fixed = fixed({0: [4, 5], 2: [4, 5]})

    def recommend(self, users_U, k, *, known_UN):
        return self._fixed.recommend(users_U, k, known_UN=known_UN)

    def score(self, users_P, items_P):
        return self._fixed.score(users_P, items_P)

    def shortlist(self, users_U, k, *, known_UN):
        return Shortlist(np.tile([5, 4, 2], (len(users_U), 1)), handed_on=2)


def test_a_recommender_that_shows_its_candidates_is_looked_into_and_others_are_not(
    golden, fixed, golden_lists, yardsticks, held
):
    models = {"staged": Halves(fixed), "rival": golden_lists["rival"]}
    judged = evaluate(models, golden(), replace(yardsticks, held_out_UN=held), KS, block=1)
    assert isinstance(models["staged"], Staged)
    assert staged(models["rival"]) is None
    assert judged["rival"].stages is None
    stages = judged["staged"].stages
    assert stages.pairs["all"]["@1"] == dict(zip(STAGES, (1, 0, 2, 0, 0, 1), strict=True))
    assert stages.retrieval["all"]["precision@1"].tolist() == [0, 0]
    assert evaluate(models, golden(), yardsticks, KS)["staged"].stages is None  # unless it is asked for


@st.composite
def cases(draw):
    users, items, width = draw(st.integers(1, 4)), draw(st.integers(1, 8)), draw(st.integers(1, 8))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    alive_N = rng.random(items) < 0.7
    turned_UN, known_UN = rng.random((users, items)) < 0.5, rng.random((users, items)) < 0.3
    relevant_UN = turned_UN & ~known_UN & alive_N
    items_UT = np.full((users, width), NO_ITEM)
    for user in range(users):
        able = rng.permutation(np.flatnonzero(alive_N & ~known_UN[user]))[:width]
        items_UT[user, : len(able)] = able
    items_A = np.flatnonzero(alive_N)
    test = StaticTest(
        users_U=np.arange(users),
        known_UN=sparse.csr_array(known_UN),
        relevant_UN=sparse.csr_array(relevant_UN),
        versions_A=items_A,
        items_A=items_A,
        counts_N=rng.integers(0, 2, items),
        left_out=LeftOut(0, 0, 0, 0, 0),
    )
    return test, sparse.csr_array(turned_UN), Shortlist(items_UT, draw(st.integers(1, width))), rng


@given(cases())
def test_every_pair_is_lost_once_and_no_list_beats_the_ceiling(case):
    test, held, shortlist, rng = case
    # any order of those that were handed on
    items_UK = np.array([rng.permutation(row) for row in shortlist.items_UT[:, : shortlist.handed_on]])
    items_UK = np.take_along_axis(items_UK, np.argsort(items_UK == NO_ITEM, axis=1, kind="stable"), axis=1)
    ks = (1, shortlist.handed_on)
    found = look_into([shortlist], items_UK, held, test, sorted(set(ks)))
    for group in found.pairs:
        counted_N = {"all": test.counts_N >= 0, "warm": test.counts_N > 0, "cold": test.counts_N == 0}[group]
        for stages in found.pairs[group].values():
            assert sum(stages.values()) == held.toarray()[:, counted_N].astype(bool).sum()
    hits = sum(
        np.isin(row, np.flatnonzero(wanted)).sum()
        for row, wanted in zip(items_UK, test.relevant_UN.toarray(), strict=True)
    )
    assert found.pairs["all"][f"@{shortlist.handed_on}"]["hit"] == hits
    assert found.pairs["all"][f"@{shortlist.handed_on}"]["ranker"] == 0
