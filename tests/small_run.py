"""A run on a small simulated marketplace, published: the recipe of `simulate` with some lines changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from dlrs import pipeline
from dlrs.folders import RunFolder
from dlrs.simulator.settings import Simulation

NARROW = {"width = 64": "width = 16", "length = 50": "length = 10"}
"""A history network that trains in seconds."""


def small_run(folder: Path, settings: Simulation, changed: Mapping[str, str]) -> RunFolder:
    """Simulate into `folder`, replace each pattern once in the recipe, prepare, train and publish."""
    recipe = pipeline.simulate(folder / "data", settings).path / "recipe.toml"
    content = recipe.read_text(encoding="utf-8")
    for written, wanted in changed.items():
        content, count = re.subn(written, wanted, content, count=1)
        assert count, f"{written}: not in {recipe}"
    recipe.write_text(content, encoding="utf-8")
    run = RunFolder(folder)
    pipeline.prepare(recipe, run.prepared)
    pipeline.train(run.prepared, run.trained)
    pipeline.publish(run.prepared, run.trained, run.registry)
    return run
