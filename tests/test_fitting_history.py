"""Which way of reading histories a training takes when the recipe asks for the best."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dlrs.fitting import fit_both, write_both
from dlrs.fitting_history import COMPARED, fit_history
from dlrs.prepared import Prepared
from dlrs.preparing import prepare
from dlrs.recipe import read_recipe
from dlrs.simulator.marketplace import Simulation, simulate
from dlrs.training.retrieval import TrainedHistory
from dlrs.training.workers import ALONE


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder: Path = tmp_path_factory.mktemp("market")
    simulate(Simulation(users=60, items=600, weeks=3, seed=3, network="history"), folder)
    (folder / "prepared").mkdir()
    return prepare(read_recipe(folder / "recipe.toml"), folder, folder / "prepared")


RATE = 0.002


def reading(prepared: Prepared, way: str, learning_rate: float = RATE, user_ids: bool = False) -> Prepared:
    settings = {
        "user_ids": user_ids,
        "reading": way,
        "learning_rate": learning_rate,
        "width": 8,
        "negatives": 50,
        "epochs": 2,
        "batch_size": 16,
    }
    history = prepared.recipe.history.model_copy(update=settings)
    return replace(prepared, recipe=prepared.recipe.model_copy(update={"history": history}))


def test_the_best_reading_is_the_one_that_validates_best(prepared: Prepared, tmp_path: Path) -> None:
    alone = {
        (way.reading, way.faster * RATE, way.user_ids): fit_history(
            reading(prepared, way.reading, way.faster * RATE, way.user_ids),
            tmp_path / name,
            ALONE,
            until=prepared.validation_period,
        ).best_validation
        for name, way in COMPARED.items()
    }
    assert len({*alone.values()}) == len(COMPARED)
    validated, refit = fit_both(reading(prepared, "best"), tmp_path / "best", ALONE)
    assert isinstance(validated, TrainedHistory)
    assert isinstance(refit, TrainedHistory)
    best = max(alone, key=alone.__getitem__)
    assert validated.best_validation == alone[best]
    for network in (validated.network, refit.network):
        chosen = network.settings
        assert (chosen.reading, chosen.learning_rate, chosen.user_ids) == best
    assert len(refit.history) == validated.best_epoch
    facts = write_both((validated, refit), tmp_path / "best", tmp_path / "written")
    assert tuple(facts["refit"][name] for name in ("reading", "learning_rate", "user_ids")) == best
    assert any((tmp_path / "written/tensorboard/validated").iterdir())


def test_ids_of_users_that_are_not_asked_for_tell_nothing(prepared: Prepared, tmp_path: Path) -> None:
    assert prepared.encoding.space.own_categorical == ("user_id",)
    until = prepared.validation_period
    without = fit_history(reading(prepared, "set"), tmp_path / "without", ALONE, until=until)
    assert not without.network.own_table.any()
    with_ids = fit_history(reading(prepared, "set", user_ids=True), tmp_path / "with", ALONE, until=until)
    assert with_ids.network.own_table.any(dim=1).float().mean() > 0.9
