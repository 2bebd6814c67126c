"""A small world to serve: simulated, prepared, trained for an epoch and published, once for all workers."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from dlrs import pipeline
from dlrs.folders import RunFolder
from dlrs.simulator.settings import Simulation


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of 300 users and 2,000 ads. Read it only; copy the registry to publish into it."""
    base = tmp_path_factory.getbasetemp()
    if base.name.startswith("popen-"):  # a worker of xdist: all share the folder above
        base = base.parent
    folder = base / "service-world"
    with (base / "service-world.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            _make(folder)
            (folder / "done").touch()
    return RunFolder(folder)


def _make(folder: Path) -> None:
    data = pipeline.simulate(folder / "data", Simulation(users=300, items=2000)).path
    recipe = data / "recipe.toml"
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("epochs = 6", "epochs = 1"))
    run = RunFolder(folder)
    pipeline.prepare(recipe, run.prepared)
    pipeline.train(run.prepared, run.trained)
    pipeline.publish(run.prepared, run.trained, run.registry)
