from dlrs.bundle import current_bundle
from dlrs.folders import RunFolder
from dlrs.service.bundle import ServingBundle


def test_bundle_is_read(world: RunFolder) -> None:
    folder = current_bundle(world.registry)
    bundle = ServingBundle.load(folder)
    assert bundle.id == folder.path.name
    assert set(bundle.weights) == set(bundle.recipe.marketplace.interaction_types)
