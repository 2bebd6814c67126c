"""The three networks as ONNX, for services in Java, Scala or whatever has a runtime; docs/onnx.md.

    user_net.onnx   continuous (N, 2C + own), features (N, K + own) → embedding (N, D), wide (N,)
    item_net.onnx   continuous (N, C), features (N, K)              → embedding (N, D), wide (N,)
    rank_net.onnx   user_embedding (1, D), user_wide (1,),
                    item_embedding (T, D), item_wide (T,)           → logits (T,)
    columns.json    what each column of `continuous` and `features` means, and how numbers are scaled

`features` is dense: the weight of each column, 0 where there is none. The embeddings of all features
are one matrix of its columns by the coordinates of e, so that a single product looks them all up and sums
them. Where there is nothing to put into an input (no continuous feature), the network does not have it.

The graphs use what every runtime since 2020 knows: opset 13, float32.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from dlrs import __version__
from dlrs.arrays import Floats
from dlrs.errors import MissingExtra
from dlrs.features.encoding import Encoding
from dlrs.features.rows import FeatureSpace, Side
from dlrs.features.scaler import Scaler
from dlrs.features.table import TableEncoding
from dlrs.model.forward import Nets, embedded

OPSET, IR = 13, 8
USER_NET, ITEM_NET, RANK_NET, COLUMNS = "user_net.onnx", "item_net.onnx", "rank_net.onnx", "columns.json"


def require_onnx() -> None:
    """MissingExtra where the package that writes ONNX is not installed."""
    if find_spec("onnx") is None:
        raise MissingExtra("onnx", "onnx")


def write_onnx(nets: Nets, encoding: Encoding, folder: Path) -> None:
    """Write the three networks and `columns.json` into a new folder.

    Raises:
        MissingExtra: onnx is not installed; nothing is written then.
    """
    require_onnx()
    folder.mkdir()
    hashed = {"encoding_hash": encoding.hash, "columns": COLUMNS}
    _tower(nets, "user").save(folder / USER_NET, hashed)
    _tower(nets, "item").save(folder / ITEM_NET, hashed)
    _rank_net(nets).save(folder / RANK_NET, hashed)
    text = json.dumps(columns(encoding), ensure_ascii=False, indent=1)
    (folder / COLUMNS).write_text(text, encoding="utf-8")


def columns(encoding: Encoding) -> dict[str, Any]:
    """Return what each column of the inputs means, in the order of the columns, as JSON knows it."""
    own = encoding.users
    continuous = _numbers(encoding.items, encoding.items.scaler, "")
    count = len(encoding.items.features.continuous)
    scaler = encoding.profile_scaler
    means = Scaler(scaler.mean_C[:count], scaler.std_C[:count])
    deviations = Scaler(scaler.mean_C[count:], scaler.std_C[count:])
    features = _values(encoding.items)
    user_numbers = [
        *_numbers(encoding.items, means, "mean"),
        *_numbers(encoding.items, deviations, "std"),
        *(_numbers(own, own.scaler, "own") if own else ()),
    ]
    return {
        "encoding_hash": encoding.hash,
        "item_net": {"continuous": continuous, "features": features},
        "user_net": {"continuous": user_numbers, "features": [*features, *(_values(own) if own else ())]},
    }


def _numbers(table: TableEncoding, scaler: Scaler, of: str) -> list[dict[str, Any]]:
    """Return name, transformation and scale of each number; `of` says which number of a profile it is."""
    described = []
    settings = table.features.continuous.items()
    for (name, feature), mean, std in zip(settings, scaler.mean_C, scaler.std_C, strict=True):
        column: dict[str, Any] = {"feature": name, "kind": feature.kind, "transform": feature.transform}
        column |= {"mean": float(mean), "std": float(std) if np.isfinite(std) else None}
        described.append(column | ({"of": of} if of else {}))
    return described


def _values(table: TableEncoding) -> list[dict[str, str | None]]:
    """Return feature and value of each column; a feature without any value keeps one column, for None."""
    return [
        {"feature": name, "value": value}
        for name, values in table.vocabularies.items()
        for value in (values.to_pylist() or [None])
    ]


@dataclass
class _Graph:
    """A graph that is being put together: inputs and outputs by name with their shapes, nodes, constants."""

    name: str
    inputs: Mapping[str, Sequence[int | str]]
    outputs: Mapping[str, Sequence[int | str]]
    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, Floats] = field(default_factory=dict)

    def constant(self, name: str, value: Floats) -> str:
        self.constants[name] = np.ascontiguousarray(value, dtype=np.float32)
        return name

    def node(self, kind: str, *inputs: str, to: str) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [to]))
        return to

    def flattened(self, value: str, to: str) -> str:
        """Turn a column (N, 1) into (N,)."""
        from onnx import helper, numpy_helper

        shape = numpy_helper.from_array(np.array([-1], dtype=np.int64))
        self.nodes.append(helper.make_node("Constant", [], [f"{to}_shape"], value=shape))
        return self.node("Reshape", value, f"{to}_shape", to=to)

    def dense(self, value: str, weight_IO: Floats, bias_O: Floats | None, to: str) -> str:
        """Return value @ weight + bias."""
        product = self.node("MatMul", value, self.constant(f"{to}_weight", weight_IO), to=f"{to}_product")
        if bias_O is None:
            return product
        return self.node("Add", product, self.constant(f"{to}_bias", bias_O), to=to)

    def save(self, file: Path, metadata: Mapping[str, str]) -> None:
        """Check the graph and write it, with these texts beside it."""
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        def described(shapes: Mapping[str, Sequence[int | str]]) -> list[Any]:
            return [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, [*shape])
                for name, shape in shapes.items()
            ]

        constants = [numpy_helper.from_array(value, name) for name, value in self.constants.items()]
        graph = helper.make_graph(
            self.nodes, self.name, described(self.inputs), described(self.outputs), constants
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR,
            producer_name="dlrs",
            producer_version=__version__,
        )
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model, full_check=True)
        onnx.save_model(model, str(file))


def _tower(nets: Nets, side: Side) -> _Graph:
    """Return UserNet or ItemNet: e = ELU(continuous · A + features · B + bias), wide = features · w."""
    numbers_ND, features_KD, bias_D = _folded(nets, side)
    K = nets.space.columns_of(side)
    inputs: dict[str, Sequence[int | str]] = {"features": ("N", K)}
    if len(numbers_ND):
        inputs = {"continuous": ("N", len(numbers_ND)), **inputs}
    graph = _Graph(f"{side}_net", inputs, {"embedding": ("N", nets.space.width), "wide": ("N",)})
    total = graph.dense("features", features_KD, bias_D, to="discrete")
    if len(numbers_ND):
        total = graph.node("Add", total, graph.dense("continuous", numbers_ND, None, to="numbers"), to="sum")
    graph.node("Elu", total, to="embedding")
    wide = graph.dense("features", nets.weights[f"{side}_net.wide"], None, to="wide_column")
    graph.flattened(wide, to="wide")
    return graph


def _folded(nets: Nets, side: Side) -> tuple[Floats, Floats, Floats]:
    """Return the tower's only layer as two matrices, by the numbers and by the columns, and its bias."""
    of, net, space = nets.weights, f"{side}_net", nets.space
    C, D, W = len(space.continuous), space.width, sum(space.widths_F)
    numbers_CD = np.zeros((of[f"{net}.continuous.weight"].shape[1], D), dtype=np.float32)
    numbers_CD[:, :C] = of[f"{net}.continuous.weight"].T
    packed_KW = _unpacked(of[f"{net}.table"], space, side)
    features_KD = np.zeros((len(packed_KW), D), dtype=np.float32)
    features_KD[:, C:] = packed_KW[:, :W]
    if f"{net}.own" in of:
        own_OD = of[f"{net}.own"].T
        numbers = len(space.own_continuous)
        numbers_CD = np.vstack([numbers_CD, own_OD[:numbers]])
        features_KD += packed_KW[:, W:] @ own_OD[numbers:]
    return numbers_CD, features_KD, np.concatenate([of[f"{net}.continuous.bias"], of[f"{net}.bias"]])


def _unpacked(table_KP: Floats, space: FeatureSpace, side: Side) -> Floats:
    """Return the embeddings of all columns, each feature's in coordinates of its own."""
    sizes_F, widths_F = embedded(space, side)
    unpacked_KW = np.zeros((sum(sizes_F), sum(widths_F)), dtype=np.float32)
    row = place = 0
    for size, width in zip(sizes_F, widths_F, strict=True):
        unpacked_KW[row : row + size, place : place + width] = table_KP[row : row + size, :width]
        row, place = row + size, place + width
    return unpacked_KW


def _rank_net(nets: Nets) -> _Graph:
    of, D = nets.weights, nets.space.width
    inputs: dict[str, Sequence[int | str]] = {
        "user_embedding": (1, D),
        "user_wide": (1,),
        "item_embedding": ("T", D),
        "item_wide": ("T",),
    }
    graph = _Graph("rank_net", inputs, {"logits": ("T",)})
    user = graph.dense(
        "user_embedding", of["rank_net.user_first"].T, of["rank_net.first_bias"], to="user_half"
    )
    item = graph.dense("item_embedding", of["rank_net.item_first"].T, None, to="item_half")
    hidden = graph.node("Elu", graph.node("Add", item, user, to="halves"), to="first")
    for layer in ("second", "third"):
        weight_OI, bias_O = of[f"rank_net.{layer}.weight"], of[f"rank_net.{layer}.bias"]
        hidden = graph.node("Elu", graph.dense(hidden, weight_OI.T, bias_O, to=f"{layer}_sum"), to=layer)
    output_O = of["rank_net.output.weight"][0]
    deep = graph.flattened(graph.dense(hidden, output_O[:-1, None], None, to="deep_column"), to="deep")
    wide = graph.node("Add", "item_wide", "user_wide", to="wide_sum")
    wide = graph.node("Mul", wide, graph.constant("wide_weight", output_O[-1:]), to="wide")
    both = graph.node("Add", deep, wide, to="both")
    graph.node("Add", both, graph.constant("output_bias", of["rank_net.output.bias"]), to="logits")
    return graph
