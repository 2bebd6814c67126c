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


def reading(prepared: Prepared, way: str) -> Prepared:
    settings = {"reading": way, "width": 8, "negatives": 50, "epochs": 2, "batch_size": 16}
    history = prepared.recipe.history.model_copy(update=settings)
    return replace(prepared, recipe=prepared.recipe.model_copy(update={"history": history}))


def test_the_best_reading_is_the_one_that_validates_best(prepared: Prepared, tmp_path: Path) -> None:
    alone = {
        way: fit_history(
            reading(prepared, way), tmp_path / way, ALONE, until=prepared.validation_period
        ).best_validation
        for way in COMPARED
    }
    assert len({*alone.values()}) == len(COMPARED)
    validated, refit = fit_both(reading(prepared, "best"), tmp_path / "best", ALONE)
    assert isinstance(validated, TrainedHistory)
    assert isinstance(refit, TrainedHistory)
    best = max(alone, key=alone.__getitem__)
    assert validated.best_validation == alone[best]
    assert validated.network.settings.reading == refit.network.settings.reading == best
    assert len(refit.history) == validated.best_epoch
    facts = write_both((validated, refit), tmp_path / "best", tmp_path / "written")
    assert facts["refit"]["reading"] == best
    assert any((tmp_path / "written/tensorboard/validated").iterdir())
