"""The ranker of a moment on a prepared data set: fitted before the cut, and blind to what comes after it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dlrs.contenders.at_cut import Offer
from dlrs.contenders.moment import Learning, MomentModels, static_ranker
from dlrs.data.interactions import Interactions
from dlrs.errors import DataError
from dlrs.evaluation.protocol import lists_of
from dlrs.judging.at_cut import headline_test
from dlrs.prepared import Prepared
from dlrs.preparing import prepare
from dlrs.ranking.shortlist import Sizes
from dlrs.recipe import read_recipe
from dlrs.simulator.marketplace import Simulation, simulate
from dlrs.training.ranking import Settings

LEARNING = Learning(requests=60, ranker=Settings(sizes=Sizes(10, 10, 10), negatives=10, hidden=4, epochs=1))
MINUTE = 60_000_000


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder: Path = tmp_path_factory.mktemp("market")
    simulate(Simulation(users=60, items=600, weeks=3, seed=3), folder)
    (folder / "prepared").mkdir()
    return prepare(read_recipe(folder / "recipe.toml"), folder, folder / "prepared")


def with_other_future(prepared: Prepared) -> Prepared:
    """Return the data set with the events after the cut in a different order of users and items."""
    log, cut = prepared.interactions, int(prepared.starts_Q[-1])
    later = np.flatnonzero(log.time_E >= cut)
    swapped = np.arange(len(log))
    swapped[later] = later[::-1]
    other = Interactions(
        log.user_E[swapped], log.item_E[swapped], log.version_E[swapped], log.type_E[swapped], log.time_E
    )
    return replace(prepared, interactions=other)


def test_lists_at_the_cut_are_those_of_the_past(prepared: Prepared) -> None:
    test = headline_test(prepared)
    one, other = (
        lists_of("ranker", static_ranker(data, LEARNING)(Offer(data, test.versions_A)), test, 5)
        for data in (prepared, with_other_future(prepared))
    )
    assert (one >= 0).all()
    np.testing.assert_array_equal(one, other)


def test_a_live_fit_learns_only_what_came_before(prepared: Prepared) -> None:
    cut = int(prepared.starts_Q[-1])
    one, other = (
        MomentModels(data, LEARNING).live(cut, step=MINUTE, delay=MINUTE)
        for data in (prepared, with_other_future(prepared))
    )
    assert all(
        one.net.weights[name].tobytes() == other.net.weights[name].tobytes() for name in one.net.weights
    )


def test_a_test_as_long_as_the_log_is_refused(prepared: Prepared) -> None:
    models = MomentModels(prepared, LEARNING)
    with pytest.raises(DataError, match="Shorten the test"):
        models.at_cut(int(prepared.starts_Q[-1]), 10**16)
