"""Registries to publish into, with a second bundle to publish."""

from __future__ import annotations

import fcntl
import shutil
from pathlib import Path

import pytest

from dlrs import pipeline
from dlrs.folders import RunFolder


@pytest.fixture
def registry(world: RunFolder, tmp_path: Path) -> Path:
    """A copy of the world's registry."""
    return Path(shutil.copytree(world.registry, tmp_path / "registry"))


@pytest.fixture(scope="session")
def second(world: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Another run over the world's data, with other nets, and yet without a registry."""
    base = tmp_path_factory.getbasetemp()
    run = RunFolder((base.parent if base.name.startswith("popen-") else base) / "second")
    with run.path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not run.trained.exists():
            recipe = world.path / "data" / "second.toml"
            text = (world.path / "data" / "recipe.toml").read_text(encoding="utf-8")
            recipe.write_text(text.replace("epochs = 1", "epochs = 2"), encoding="utf-8")
            pipeline.prepare(recipe, run.prepared)
            pipeline.train(run.prepared, run.trained)
    return run
