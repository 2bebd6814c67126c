"""The networks as ONNX in a bundle, used as docs/onnx.md says, by somebody who has nothing else of ours."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlrs import pipeline
from dlrs.arrays import NO_ITEM, Floats
from dlrs.data.interactions import micros
from dlrs.errors import MissingExtra
from dlrs.folders import RunFolder
from dlrs.model import onnx_nets
from dlrs.prepared import Prepared, open_prepared
from dlrs.publishing.published import Published
from dlrs.schema import ITEM

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

Row = Mapping[str, Any]
Described = Mapping[str, Sequence[Row]]


@pytest.fixture(scope="module")
def prepared(world: RunFolder) -> Prepared:
    return open_prepared(world.prepared)


@pytest.fixture(scope="module")
def published(world: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Published:
    registry = tmp_path_factory.mktemp("onnx") / "registry"
    return Published.load(pipeline.publish(world.prepared, world.trained, registry, onnx=True))


def columns(published: Published, net: str) -> Described:
    described: Described = json.loads((published.folder / "onnx" / onnx_nets.COLUMNS).read_text())[net]
    return described


def run(published: Published, net: str, **inputs: Floats) -> list[Floats]:
    file = published.folder / "onnx" / f"{net}.onnx"
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    found: list[Floats] = session.run(None, inputs)
    return found


def scaled(value: float | None, column: Row) -> float:
    if value is None or column["std"] is None:
        return 0.0
    return max(-1e6, min(1e6, (value - column["mean"]) / column["std"]))


def item_inputs(item: Row, described: Described) -> tuple[list[float], list[float]]:
    numbers = [scaled(item[column["feature"]], column) for column in described["continuous"]]
    return numbers, [float(item[column["feature"]] == column["value"]) for column in described["features"]]


def profile_inputs(
    events: Iterable[tuple[Row, float]], described: Described
) -> tuple[list[float], list[float]]:
    """Follow the recipe of docs/onnx.md, event by event."""
    known = [*events]
    numbers = []
    for column in described["continuous"]:
        values = [(item[column["feature"]], psi) for item, psi in known]
        numbers.append(scaled(_statistic([v for v in values if v[0] is not None], column["of"]), column))
    counts: dict[tuple[str, str], float] = defaultdict(float)
    totals: dict[str, float] = defaultdict(float)
    listed = {(column["feature"], column["value"]) for column in described["features"]}
    for item, psi in known:
        for name in {feature for feature, _ in listed}:
            if (name, item[name]) in listed:
                counts[name, item[name]] += psi
                totals[name] += psi
    return numbers, [
        counts[column["feature"], column["value"]] / totals[column["feature"]]
        if totals[column["feature"]]
        else 0.0
        for column in described["features"]
    ]


def _statistic(values: Sequence[tuple[float, float]], of: str) -> float | None:
    if not values:
        return None
    weight = sum(psi for _, psi in values)
    mean = sum(psi * value for value, psi in values) / weight
    if of == "mean":
        return mean
    if len(values) == 1:
        return 0.0
    squares = sum(psi * (value - mean) ** 2 for value, psi in values)
    return math.sqrt(squares / weight * len(values) / (len(values) - 1))


def floats(rows: Sequence[Sequence[float]]) -> Floats:
    return np.array(rows, dtype=np.float32)


def test_an_item_encoded_by_hand_has_our_representation(published: Published) -> None:
    items = published.items.slice(0, 50)
    described = columns(published, "item_net")
    numbers, features = zip(*(item_inputs(item, described) for item in items.to_pylist()), strict=True)
    embedding_ND, wide_N = run(published, "item_net", continuous=floats(numbers), features=floats(features))
    expected = published.recommender.nets.embed_items(published.encoding.encode_items(items))
    np.testing.assert_allclose(embedding_ND, expected.embedding_ND, atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(wide_N, expected.wide_N, atol=1e-5, rtol=1e-5)


def test_a_list_made_without_us_is_ours(published: Published, prepared: Prepared) -> None:
    """From the raw events of users to their logits with every item of the catalogue."""
    marketplace = prepared.recipe.marketplace
    end = micros(marketplace.split.test_until)
    start = micros(marketplace.split.test_until - marketplace.profiles.window)
    log = prepared.interactions.between(start, end)
    psi_T = [published.weights[name] for name in marketplace.interaction_types]
    described = columns(published, "user_net")
    items = published.recommender.nets.embed_items(published.encoding.encode_items(published.items))
    profile_of_U = prepared.profile_of_QU[prepared.serving_period]
    for user in np.flatnonzero(profile_of_U != NO_ITEM)[:5]:
        own = log.take(log.user_E == user)
        met = prepared.versions.take(own.version_E).to_pylist()
        weights = [psi_T[kind] for kind in own.type_E]
        numbers, features = profile_inputs(zip(met, weights, strict=True), described)
        embedding_1D, wide_1 = run(
            published, "user_net", continuous=floats([numbers]), features=floats([features])
        )
        (logits_T,) = run(
            published,
            "rank_net",
            user_embedding=embedding_1D,
            user_wide=wide_1,
            item_embedding=items.embedding_ND,
            item_wide=items.wide_N,
        )
        profile = prepared.profiles.take(profile_of_U[[user]])
        found = published.recommend(profile, 5, known_ids=prepared.item_ids.slice(0, 0)).items
        row_of = {item: row for row, item in enumerate(published.items[ITEM].to_pylist())}
        for one in found:
            assert logits_T[row_of[one[ITEM]]] == pytest.approx(one["logit"], abs=2e-5)


def test_onnx_is_published_along(published: Published, prepared: Prepared) -> None:
    names = {onnx_nets.USER_NET, onnx_nets.ITEM_NET, onnx_nets.RANK_NET, onnx_nets.COLUMNS}
    assert {file.name for file in (published.folder / "onnx").iterdir()} == names
    described = json.loads((published.folder / "onnx" / onnx_nets.COLUMNS).read_text())
    assert described["encoding_hash"] == prepared.encoding.hash
    columns = [(name, v) for name, of in prepared.encoding.vocabularies.items() for v in of.to_pylist()]
    assert [(one["feature"], one["value"]) for one in described["item_net"]["features"]] == columns


def test_without_onnx_nothing_is_written(
    world: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_nets, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra):
        pipeline.publish(world.prepared, world.trained, tmp_path / "registry", onnx=True)
    assert [*tmp_path.iterdir()] == []
