"""Building: the index that a recipe names."""

from __future__ import annotations

from typing import assert_never

from dlrs.arrays import Floats
from dlrs.candidates.exact import ExactIndex
from dlrs.candidates.index import ItemIndex
from dlrs.candidates.ivf import IvfIndex
from dlrs.recipe import Candidates


def build_index(vectors_ND: Floats, settings: Candidates) -> ItemIndex:
    """Return an index of the vectors.

    Raises:
        ValueError: one of them is not finite.
    """
    match settings.index:
        case "exact":
            return ExactIndex(vectors_ND, settings.metric)
        case "ivf":
            return IvfIndex(vectors_ND, settings.metric, settings.probes)
        case _:
            assert_never(settings.index)
