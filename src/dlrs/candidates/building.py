"""Building: the index that a recipe names, over vectors or from its folder."""

from __future__ import annotations

from pathlib import Path
from typing import assert_never

from dlrs.candidates.annoy_trees import AnnoyIndex
from dlrs.candidates.codes import PRODUCTS
from dlrs.candidates.exact import ExactIndex
from dlrs.candidates.index import ItemIndex
from dlrs.candidates.ivf import IvfIndex
from dlrs.candidates.kmeans import KMeansIndex
from dlrs.candidates.lopq import LopqIndex
from dlrs.candidates.vectors import ItemVectors
from dlrs.settings.candidates import Candidates


def build_index(vectors: ItemVectors, settings: Candidates) -> ItemIndex:
    """Return an index of the vectors.

    Raises:
        ValueError: one of them is not finite.
        MissingExtra: it is annoy, and the package is not installed.
    """
    match settings.index:
        case "annoy":
            return AnnoyIndex.build(vectors, settings.annoy_trees, settings.annoy_search_k)
        case "exact":
            return ExactIndex.build(vectors)
        case "ivf":
            return IvfIndex.build(vectors, settings.probes)
        case "ivf-pq":
            return IvfIndex.build(vectors, settings.probes, PRODUCTS)
        case "kmeans":
            return KMeansIndex.build(vectors, settings.probes)
        case "lopq":
            return LopqIndex.build(vectors, settings.lopq_looks, settings.lopq_bytes)
        case _:
            assert_never(settings.index)


def load_index(folder: Path, vectors: ItemVectors, settings: Candidates) -> ItemIndex:
    """Return the index that was saved in the folder, over the vectors that it was built of.

    Raises:
        MissingExtra: it is annoy, and the package is not installed.
    """
    match settings.index:
        case "annoy":
            return AnnoyIndex.load(folder, vectors, settings.annoy_search_k)
        case "exact":
            return ExactIndex.load(folder, vectors)
        case "ivf":
            return IvfIndex.load(folder, vectors, settings.probes)
        case "ivf-pq":
            return IvfIndex.load(folder, vectors, settings.probes, PRODUCTS)
        case "kmeans":
            return KMeansIndex.load(folder, vectors, settings.probes)
        case "lopq":
            return LopqIndex.load(folder, vectors, settings.lopq_looks)
        case _:
            assert_never(settings.index)
