"""The networks as ONNX, run by onnxruntime, beside the same networks in numpy."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from dlrs.arrays import Floats
from dlrs.errors import MissingExtra
from dlrs.features.encoding import Encoding
from dlrs.features.rows import EncodedRows, FeatureSpace, Side
from dlrs.features.scaler import Scaler
from dlrs.features.table import TableEncoding
from dlrs.model import onnx_nets
from dlrs.model.forward import Nets, Representations
from dlrs.model.network import Network, without_torch
from dlrs.schema import Features

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

RandomRows = Callable[..., EncodedRows]
CLOSE = {"atol": 1e-5, "rtol": 1e-5}


@pytest.fixture
def nets(space: FeatureSpace) -> Nets:
    """Networks whose every number is drawn at random, biases too."""
    torch.manual_seed(0)
    network = Network(space).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return without_torch(network)


def scaler(count: int, seed: int) -> Scaler:
    rng = np.random.default_rng(seed)
    return Scaler(rng.normal(size=count), rng.random(count) + 0.5)


def table(numbers: tuple[str, ...], names: tuple[str, ...], sizes: tuple[int, ...]) -> TableEncoding:
    features = Features(continuous={name: {} for name in numbers}, categorical=names)
    values = {n: pa.array([f"{n} {v}" for v in range(s)]) for n, s in zip(names, sizes, strict=True)}
    return TableEncoding(features, values, scaler(len(numbers), 0))


def encoding(space: FeatureSpace) -> Encoding:
    own = (space.own_continuous, space.own_categorical, space.own_sizes_F)
    return Encoding(
        table(space.continuous, space.categorical, space.sizes_F),
        table(*own) if any(own) else None,
        scaler(2 * len(space.continuous), 1),
    )


def run(file: Path, **inputs: Floats) -> list[Floats]:
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    wanted = {one.name for one in session.get_inputs()}
    assert wanted <= inputs.keys()
    found: list[Floats] = session.run(None, {name: inputs[name] for name in wanted})
    return found


def inputs(rows: EncodedRows, space: FeatureSpace, side: Side) -> dict[str, Floats]:
    """Write packed rows as the dense inputs are described: weight by column."""
    features_NK = np.zeros((len(rows), space.columns_of(side)), dtype=np.float32)
    for row in range(len(rows)):
        entries = slice(rows.offsets[row * rows.features], rows.offsets[(row + 1) * rows.features])
        features_NK[row, rows.columns_E[entries]] = rows.weights_E[entries]
    return {"continuous": rows.continuous_NC, "features": features_NK}


def check(found: list[Floats], expected: Representations) -> None:
    embedding_ND, wide_N = found
    np.testing.assert_allclose(embedding_ND, expected.embedding_ND, **CLOSE)
    np.testing.assert_allclose(wide_N, expected.wide_N, **CLOSE)
    assert embedding_ND.dtype == wide_N.dtype == np.float32


def test_onnx_gives_the_numbers_of_numpy(
    space: FeatureSpace, nets: Nets, random_rows: RandomRows, tmp_path: Path
) -> None:
    onnx_nets.write_onnx(nets, encoding(space), tmp_path / "onnx")
    users, items = random_rows(space, 3, "user"), random_rows(space, 40, "item", seed=1)
    user_reps, item_reps = nets.embed_users(users), nets.embed_items(items)
    check(run(tmp_path / "onnx" / onnx_nets.USER_NET, **inputs(users, space, "user")), user_reps)
    check(run(tmp_path / "onnx" / onnx_nets.ITEM_NET, **inputs(items, space, "item")), item_reps)
    rows_UT = np.tile(np.arange(40), (3, 1))
    expected_UT = nets.logits(user_reps, nets.item_halves(item_reps), rows_UT)
    for user in range(3):
        (logits_T,) = run(
            tmp_path / "onnx" / onnx_nets.RANK_NET,
            user_embedding=user_reps.embedding_ND[user : user + 1],
            user_wide=user_reps.wide_N[user : user + 1],
            item_embedding=item_reps.embedding_ND,
            item_wide=item_reps.wide_N,
        )
        np.testing.assert_allclose(logits_T, expected_UT[user], **CLOSE)


def test_columns_are_as_many_as_the_inputs_have(space: FeatureSpace, nets: Nets, tmp_path: Path) -> None:
    known = encoding(space)
    onnx_nets.write_onnx(nets, known, tmp_path / "onnx")
    described = json.loads((tmp_path / "onnx" / onnx_nets.COLUMNS).read_text())
    assert described["encoding_hash"] == known.hash
    for net, side in (("user_net", "user"), ("item_net", "item")):
        session = onnxruntime.InferenceSession(
            str(tmp_path / "onnx" / f"{net}.onnx"), providers=["CPUExecutionProvider"]
        )
        shapes = {one.name: one.shape[1] for one in session.get_inputs()}
        assert session.get_modelmeta().custom_metadata_map["encoding_hash"] == known.hash
        assert len(described[net]["features"]) == shapes["features"] == space.columns_of(side)
        assert len(described[net]["continuous"]) == shapes.get("continuous", 0)


def test_columns_say_enough_to_encode_an_item_by_hand() -> None:
    """Price 100 with mean 40 and deviation 30 is 2; fuel gas is the third of its values."""
    features = Features(continuous={"price": {"min": 0}}, categorical=("make", "fuel"))
    values = {"make": pa.array(["Audi"]), "fuel": pa.array(["diesel", "electric", "gas"])}
    items = TableEncoding(features, values, Scaler(np.array([40.0]), np.array([30.0])))
    known = Encoding(items, None, Scaler(np.array([50.0, 5.0]), np.array([10.0, np.inf])))
    described = onnx_nets.columns(known)
    (price,) = described["item_net"]["continuous"]
    column = described["item_net"]["features"].index({"feature": "fuel", "value": "gas"})
    encoded = items.encode(pa.table({"price": [100.0], "make": ["none"], "fuel": ["gas"]}))
    assert encoded.continuous_NC[0, 0] == (100 - price["mean"]) / price["std"] == 2
    assert encoded.columns_E.tolist() == [column] == [3]
    assert described["user_net"]["continuous"] == [
        {"feature": "price", "kind": "number", "transform": None, "mean": 50.0, "std": 10.0, "of": "mean"},
        {"feature": "price", "kind": "number", "transform": None, "mean": 5.0, "std": None, "of": "std"},
    ]


def test_without_the_package_nothing_is_written(
    nets: Nets, space: FeatureSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_nets, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"dlrs\[onnx\]"):
        onnx_nets.write_onnx(nets, encoding(space), tmp_path / "onnx")
    assert [*tmp_path.iterdir()] == []
