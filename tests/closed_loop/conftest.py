"""A small marketplace with two bundles: one trained, one whose networks know nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from dlrs import bundle, pipeline
from dlrs.data.interactions import micros
from dlrs.prepared import Prepared, open_prepared
from dlrs.publishing.published import write_content
from dlrs.simulator.marketplace import Market, populate
from dlrs.simulator.settings import Simulation

SETTINGS = Simulation(users=800, items=9000, weeks=3, seed=3)
OPTIONS = ("--users", 800, "--items", 9000, "--weeks", 3, "--seed", 3)


@dataclass(frozen=True)
class Bundles:
    """Where things are: a prepared folder, what was trained on it, and the registries of both bundles."""

    prepared: Path
    trained: Path
    good: str
    random: str


@pytest.fixture(scope="package")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    work = tmp_path_factory.mktemp("loop")
    recipe = pipeline.simulate(work / "data", SETTINGS) / "recipe.toml"
    text = recipe.read_text().replace("epochs = 6", "epochs = 4")
    recipe.write_text(text.replace("batch_size = 1024", "batch_size = 256"))  # there are few pairs
    pipeline.prepare(recipe, work / "prepared")
    pipeline.train(work / "prepared", work / "trained")
    pipeline.publish(work / "prepared", work / "trained", work / "good")
    _publish_random(open_prepared(work / "prepared"), work)
    return Bundles(work / "prepared", work / "trained", str(work / "good"), str(work / "random"))


@pytest.fixture(scope="package")
def market() -> Market:
    return populate(SETTINGS)


def _publish_random(prepared: Prepared, work: Path) -> None:
    import torch

    from dlrs.model.network import Network, save_nets

    torch.manual_seed(0)
    save_nets(Network(prepared.encoding.space), work / "nets")
    versions_A = prepared.catalog.alive_at(micros(SETTINGS.test_until))
    (work / "content").mkdir()
    write_content(
        work / "content",
        nets_folder=work / "nets",
        recipe=prepared.recipe,
        encoding=prepared.encoding,
        items=prepared.versions.take(versions_A),
        versions=prepared.encoded_versions.take(versions_A),
    )
    facts = {"interaction_weights": prepared.facts["interaction_weights"]}
    bundle.publish(work / "random", work / "content", facts=facts)
