"""Bundles that earlier versions wrote: they open, and recommend what they did.

`frozen/formatN.tar.xz` is a registry with a small bundle (72 ads), as the code wrote it before the layout
changed; `formatN.json` is what it recommended then to somebody whose profile is one item.
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest

from dlrs.bundle import current_bundle
from dlrs.candidates.filtering.filters import Between
from dlrs.features.rows import EncodedRows
from dlrs.publishing.published import LOGIT, Published
from dlrs.schema import ITEM
from dlrs.service.bundle import ServingBundle

FROZEN = Path(__file__).parent / "frozen"


@pytest.fixture(params=["format1"])
def older(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """A registry, and what its bundle recommended."""
    with tarfile.open(FROZEN / f"{request.param}.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path, json.loads((FROZEN / f"{request.param}.json").read_text())


def test_an_older_bundle_recommends_what_it_did(older: tuple[Path, dict[str, Any]]) -> None:
    registry, expected = older
    folder = current_bundle(registry)
    folder.verify()
    published = Published.load(folder)
    row = pc.index(published.items[ITEM], expected["item"]).as_py()
    item = published.encoding.encode_items(published.items.take([row]))
    numbers_NC = np.hstack([item.continuous_NC, np.zeros_like(item.continuous_NC)])
    profile = EncodedRows(numbers_NC, item.offsets, item.columns_E, item.weights_E)
    known = published.items[ITEM].take([row]).combine_chunks()
    found = published.recommend(profile, 5, known_ids=known).items
    ids, logits = zip(*expected["list"], strict=True)
    assert [one[ITEM] for one in found] == [*ids]
    np.testing.assert_allclose([one[LOGIT] for one in found], logits, atol=1e-5)
    cheap = [Between(feature="price", max=10_000)]
    some = published.recommend(profile, 5, known_ids=known, filters=cheap).items
    assert len(some) == 5
    assert all(one["price"] <= 10_000 for one in some)


def test_a_service_reads_an_older_bundle(older: tuple[Path, dict[str, Any]]) -> None:
    bundle = ServingBundle.load(current_bundle(older[0]))
    assert bundle.id == current_bundle(older[0]).path.name
    assert set(bundle.weights) == set(bundle.recipe.marketplace.interaction_types)
