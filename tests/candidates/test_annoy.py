"""What is particular about the forest of random splits: its file, and how much of it is looked at."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import numpy as np
import pytest

from dlrs.arrays import Floats
from dlrs.candidates.annoy_trees import AnnoyIndex
from dlrs.candidates.vectors import ItemVectors
from dlrs.errors import MissingExtra


def _vectors(n: int, width: int = 5, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "annoy", None)
    with pytest.raises(MissingExtra, match=r"annoy is not installed.*dlrs\[annoy\]"):
        AnnoyIndex.build(ItemVectors(_vectors(3), "cosine"), trees=1, search_k=10)


class TestInstalled:
    @pytest.fixture(autouse=True)
    def _needs_annoy(self) -> None:
        pytest.importorskip("annoy", reason="needs the extra annoy")

    def test_its_file_goes_with_it(self) -> None:
        index = AnnoyIndex.build(ItemVectors(_vectors(50), "cosine"), trees=2, search_k=100)
        file = index.file
        assert index.size == file.stat().st_size > 50 * 4 * 5
        del index
        gc.collect()
        assert not file.parent.exists()

    def test_what_was_saved_stays(self, tmp_path: Path) -> None:
        vectors = ItemVectors(_vectors(50), "cosine")
        index = AnnoyIndex.build(vectors, trees=2, search_k=100)
        index.save(tmp_path)
        expected = index.propose(_vectors(3, seed=1), 10)[0]
        del index
        gc.collect()
        found = AnnoyIndex.load(tmp_path, vectors, search_k=100).propose(_vectors(3, seed=1), 10)[0]
        np.testing.assert_array_equal(found, expected)

    def test_a_failed_build_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        broken = _vectors(50)
        broken[30] = np.nan
        with pytest.raises(ValueError, match="finite"):
            AnnoyIndex.build(ItemVectors(broken, "cosine"), trees=2, search_k=100)
        assert not any(tmp_path.iterdir())

    def test_more_looked_at_find_more(self) -> None:
        vectors, queries = _vectors(10_000), _vectors(20, seed=1)
        best = np.argsort(-(queries @ vectors.T), axis=1)[:, :100]

        def recall(search_k: int) -> float:
            index = AnnoyIndex.build(ItemVectors(vectors, "inner-product"), trees=4, search_k=search_k)
            rows, _ = index.propose(queries, 100)
            return float(np.mean([np.isin(a, b).mean() for a, b in zip(rows, best, strict=True)]))

        few, more, every = recall(200), recall(2000), recall(40_000)
        assert few < more < every
        assert every == 1.0

    def test_who_asks_for_more_is_not_found_less(self) -> None:
        """With 3,000 items asked for, three times as many are looked at."""
        vectors, query = _vectors(20_000), _vectors(1, seed=1)
        index = AnnoyIndex.build(ItemVectors(vectors, "euclidean"), trees=4, search_k=12_000)
        best = np.argsort(((query - vectors) ** 2).sum(axis=1))
        rows, _ = index.propose(query, 3000)
        assert np.isin(rows[0], best[:3000]).mean() > 0.95
