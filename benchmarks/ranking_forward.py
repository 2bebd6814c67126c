"""RankNet for one request: numpy against onnxruntime, one thread each.

    python benchmarks/ranking_forward.py RUN/bundles

T items come with a request as ItemNet left them; both give the logits of one user with them. CPU time, for
other work on the machine changes the wall's.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from dlrs.arrays import Floats
from dlrs.bundle import bundle_at
from dlrs.candidates.bundled import BundledItems
from dlrs.model.forward import Nets, Representations, load_nets
from dlrs.recipe import parse_recipe
from dlrs.service.ranking.ordering import best

ROUNDS, CALLS = 7, 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("registry", help="of a run; its current bundle is taken")
    bundle = bundle_at(parser.parse_args().registry)
    recipe = parse_recipe(
        json.loads((bundle / "recipe.json").read_text(encoding="utf-8")), source="recipe.json"
    )
    nets, items = load_nets(bundle.path), BundledItems.open(bundle.path, recipe).representations
    session = _session(nets)
    print("| T | numpy, gathered (`logits`) | numpy (`logits_of_one`) | onnxruntime | best 20 of them |")
    print("|---|---|---|---|---|")
    for count in (500, 1000):
        print(
            f"| {count:,} | "
            + " | ".join(f"{us:,.0f} µs" for us in _measured(nets, session, items, count))
            + " |"
        )


def _measured(
    nets: Nets, session: onnxruntime.InferenceSession, items: Representations, count: int
) -> list[float]:
    rng = np.random.default_rng(0)
    user, some = items.take(np.array([0])), items.take(rng.integers(len(items), size=count))
    rows = np.arange(count)[None]
    feed = {
        "user": user.embedding_ND,
        "user_wide": user.wide_N,
        "items": some.embedding_ND,
        "wide": some.wide_N,
    }
    ids = [str(id) for id in rng.permutation(count)]

    def gathered() -> Floats:
        return nets.logits(user, nets.item_halves(some), rows)[0]

    expected = gathered()
    np.testing.assert_allclose(nets.logits_of_one(user, some), expected, atol=1e-4)
    np.testing.assert_allclose(session.run(None, feed)[0], expected, atol=1e-4)
    return [
        _cpu(gathered),
        _cpu(lambda: nets.logits_of_one(user, some)),
        _cpu(lambda: session.run(None, feed)),
        _cpu(lambda: best(expected, ids, 20)),
    ]


def _cpu(call: Callable[[], object]) -> float:
    """Return the microseconds of CPU that a call takes in the best of some rounds."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(CALLS):
            call()
        rounds.append((time.process_time() - began) / CALLS * 1e6)
    return min(rounds)


def _session(nets: Nets) -> onnxruntime.InferenceSession:
    """Return RankNet as a graph: the same sums and products in the same order."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(_model(nets).SerializeToString(), options)


def _model(nets: Nets) -> onnx.ModelProto:
    of, width = nets.weights, nets.space.width
    constants = {
        "U": of["rank_net.user_first"].T,
        "b1": of["rank_net.first_bias"],
        "I": of["rank_net.item_first"].T,
        "W2": of["rank_net.second.weight"].T,
        "b2": of["rank_net.second.bias"],
        "W3": of["rank_net.third.weight"].T,
        "b3": of["rank_net.third.bias"],
        "W4": of["rank_net.output.weight"][0, :-1, None],
        "w": of["rank_net.output.weight"][0, -1:],
        "b": of["rank_net.output.bias"],
        "axes": np.array([1]),
    }
    steps = [
        ("MatMul", "user U", "u"),
        ("Add", "u b1", "u1"),
        ("MatMul", "items I", "i"),
        ("Add", "i u1", "h1"),
        ("Elu", "h1", "e1"),
        ("Gemm", "e1 W2 b2", "h2"),
        ("Elu", "h2", "e2"),
        ("Gemm", "e2 W3 b3", "h3"),
        ("Elu", "h3", "e3"),
        ("MatMul", "e3 W4", "deep1"),
        ("Squeeze", "deep1 axes", "deep"),
        ("Add", "user_wide wide", "both"),
        ("Mul", "both w", "weighted"),
        ("Add", "weighted b", "rest"),
        ("Add", "deep rest", "logits"),
    ]
    shapes = {"user": [1, width], "user_wide": [1], "items": ["T", width], "wide": ["T"]}
    graph = helper.make_graph(
        [helper.make_node(name, given.split(), [made]) for name, given, made in steps],
        "RankNet",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["T"])],
        [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


if __name__ == "__main__":
    main()
