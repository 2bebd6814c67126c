"""From two files to recommendations in Python: the same path as `dlrs demo`, smaller.

python examples/quickstart.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console

from dlrs import pipeline
from dlrs.prepared import open_prepared
from dlrs.publishing.showcase import active_user, as_text
from dlrs.simulator.settings import Simulation


def main(folder: Path) -> None:
    """Simulate a marketplace, learn from it, publish, and recommend to one of its users."""
    # Two files, items.parquet and events.parquet, and a recipe.toml that says what is in them.
    # With data of your own, write the recipe yourself and leave this line out.
    data = pipeline.simulate(folder / "data", Simulation(users=200, items=2000))

    prepared = pipeline.prepare(data / "recipe.toml", folder / "prepared")
    trained = pipeline.train(prepared.path, folder / "trained")
    evaluated = pipeline.evaluate(prepared.path, trained.path, folder / "evaluation")
    print("Precision@5:")
    for model, metrics in evaluated.facts["models"].items():
        print(f"  {metrics['precision@5']:6.2%}  {model}")

    registry = folder / "bundles"
    pipeline.publish(prepared.path, trained.path, registry, evaluated_folder=evaluated.path)
    data_set = open_prepared(prepared.path)
    found = pipeline.recommend(prepared.path, registry, active_user(data_set), k=5)
    Console().print(as_text(found, data_set.recipe.marketplace.features))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "quickstart"))
