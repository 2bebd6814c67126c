"""Several seeds of one model: a user's value is his mean over them."""

from dataclasses import replace

import numpy as np
import pytest

from dlrs.evaluation.funnel import Stages
from dlrs.evaluation.judged import evaluate
from dlrs.evaluation.seeds import mean_of, spread_of


@pytest.fixture
def runs(golden, golden_lists, fixed, yardsticks):
    """Of `ours` with another seed, user 0 gets items 5 and 1 and user 2 gets item 1 first."""
    other = {"ours": fixed({0: [5, 1], 2: [1]}), "rival": golden_lists["rival"]}
    first, second = (evaluate(models, golden(), yardsticks, (1, 3)) for models in (golden_lists, other))
    return [first["ours"], second["ours"]]


def test_values_are_means_over_the_seeds_user_by_user(runs):
    mean = mean_of(runs)
    assert mean.all_items["precision@1"].tolist() == [1 / 2, 1 / 2]  # (1, 0) and (0, 1)
    assert mean.all_items["precision@3"].tolist() == pytest.approx([(2 / 3 + 1 / 3) / 2, 1 / 3])
    assert mean.warm_items["mrr@3"].tolist() == pytest.approx([(1 / 3 + 1 / 2) / 2, (1 / 2 + 1) / 2])
    assert mean.cold_items["recall@3"].tolist() == [1 / 2]
    assert mean.together["coverage@3"] == pytest.approx((4 / 5 + 2 / 5) / 2)
    assert mean.items_UK.tolist() == runs[0].items_UK.tolist()


def test_spread_is_the_standard_deviation_of_the_means(runs):
    spread = spread_of(runs)
    assert spread["precision@1"] == 0  # 1/2 and 1/2
    assert spread["precision@3"] == pytest.approx(np.std([1 / 2, 1 / 3], ddof=1))
    assert spread["coverage@3"] == pytest.approx(np.std([4 / 5, 2 / 5], ddof=1))


def test_one_seed_is_itself_and_has_no_spread(runs):
    assert mean_of(runs[:1]) is runs[0]
    assert spread_of(runs[:1]) == {}


def test_pairs_of_the_seeds_add_up_and_their_values_are_means(runs):
    def stages(hits, value):
        values = {"all": {"precision@1": np.array([value])}}
        pairs = {"all": {"@1": {"ranker": 4 - hits, "hit": hits}}}
        return Stages(7, 7, pairs, {"all": {"@7": value}}, values, values)

    mean = mean_of([replace(runs[0], stages=stages(1, 0.0)), replace(runs[1], stages=stages(2, 1.0))]).stages
    assert mean.pairs == {"all": {"@1": {"ranker": 5, "hit": 3}}}
    assert (
        mean.ceiling["all"]["precision@1"].tolist() == mean.retrieval["all"]["precision@1"].tolist() == [0.5]
    )
    assert mean.reach == {"all": {"@7": 0.5}}
    assert mean.candidates == 7
