"""Whatever is done to it in whatever order, a live index holds what a dictionary would."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dlrs.candidates.live.live_index import LiveIndex
from dlrs.candidates.metric import Metric
from dlrs.model.forward import Representations
from dlrs.settings.candidates import Candidates

WIDTH = 3
IDS = st.lists(st.sampled_from([*"abcdefghij", "ä", "ab", "abc"]), unique=True, max_size=6)
SEEDS = st.integers(0, 2**16)


class AsADictionary(RuleBasedStateMachine):
    @initialize(
        ids=IDS,
        seed=SEEDS,
        metric=st.sampled_from(["cosine", "inner-product", "euclidean"]),
        index=st.sampled_from(["exact", "ivf"]),
    )
    def create(self, ids: list[str], seed: int, metric: Metric, index: str) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.quick = mock.patch("os.fsync")  # no machine stops here
        self.quick.start()
        self.metric = metric
        items = self._items(ids, seed)
        self.model = dict(zip(ids, items.embedding_ND, strict=True))
        chosen = Candidates.model_validate({"index": index, "metric": metric})
        LiveIndex.create(self.folder / "live", ids, items, chosen)
        self.live = LiveIndex.open(self.folder / "live")

    @rule(ids=IDS, seed=SEEDS)
    def upsert(self, ids: list[str], seed: int) -> None:
        items = self._items(ids, seed)
        self.live.upsert(ids, items)
        self.model.update(zip(ids, items.embedding_ND, strict=True))

    @rule(ids=IDS)
    def delete(self, ids: list[str]) -> None:
        assert self.live.delete(ids) == sum(id in self.model for id in ids)
        for id in ids:
            self.model.pop(id, None)

    @rule()
    def fold(self) -> None:
        self.live.fold()

    @rule()
    def reopen(self) -> None:
        self.live.close()
        self.live = LiveIndex.open(self.folder / "live")

    @rule(seed=SEEDS, count=st.integers(0, 15), known=IDS)
    def search(self, seed: int, count: int, known: list[str]) -> None:
        query = self._items(["query"], seed).embedding_ND
        found = self.live.search(query, count, known=[known])
        ids, similarity = found.ids(0), found.candidates.similarity_UT[0]
        there = [id for id in self.model if id not in known]
        truth = dict(zip(there, self._similarity(query[0], there), strict=True))
        best = sorted(truth.values(), reverse=True)[:count]
        assert len(set(ids)) == len(ids) == len(best)
        np.testing.assert_allclose(similarity[: len(ids)], best, rtol=1e-5, atol=1e-5)  # whichever of equals
        np.testing.assert_allclose([truth[id] for id in ids], best, rtol=1e-5, atol=1e-5)
        rows = found.candidates.positions_UT[0, : len(ids)]
        for id, vector in zip(ids, found.items.embedding_ND[rows], strict=True):
            np.testing.assert_array_equal(vector, self.model[id])

    @precondition(lambda self: hasattr(self, "live"))
    @invariant()
    def holds_as_many(self) -> None:
        assert len(self.live) == len(self.model)

    def teardown(self) -> None:
        if hasattr(self, "live"):
            self.live.close()
            self.quick.stop()
            shutil.rmtree(self.folder)

    def _items(self, ids: list[str], seed: int) -> Representations:
        rng = np.random.default_rng(seed)
        embedding = rng.integers(-2, 3, (len(ids), WIDTH)).astype(np.float32)
        return Representations(embedding, rng.normal(size=len(ids)).astype(np.float32))

    def _similarity(self, query: np.ndarray, ids: list[str]) -> list[float]:
        vectors = np.array([self.model[id] for id in ids]).reshape(-1, WIDTH)
        if self.metric == "euclidean":
            return list(-((vectors - query) ** 2).sum(axis=1))
        if self.metric == "inner-product":
            return list(vectors @ query)
        lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(query)
        return list(vectors @ query / np.maximum(lengths, 1e-12))


TestAsADictionary = AsADictionary.TestCase
TestAsADictionary.settings = settings(
    max_examples=20,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
