"""Layers: timelines and successions of several stretches of time, asked as if they were of one.

What a bundle holds is sorted once and mapped; what comes afterwards is sorted in small stretches above it.

    L layers, the oldest first    P keys    M last successions of a key
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dlrs.arrays import Ints
from dlrs.ranking.known import Followed
from dlrs.ranking.timelines import NO_EVENT, Timelines


class Layers:
    """Timelines of L stretches: what `Timelines` says of all their events together.

    Places are of every layer: (L, …).
    """

    def __init__(self, layers: Sequence[Timelines]) -> None:
        """Take the timelines; an event is in one of them."""
        self._layers = layers

    def places(self, moments_P: Ints) -> Ints:
        """Return how many events of each layer lie before each moment: (L, P)."""
        return np.array([layer.places(moments_P) for layer in self._layers])

    def none(self, keys_P: Ints) -> Ints:
        """Return the place of before all events, for each key: (L, P)."""
        return np.zeros((len(self._layers), *keys_P.shape), dtype=np.int64)

    def between(self, since_LP: Ints, until_LP: Ints) -> Ints:
        """Return how many events of all layers lie between places: (P,)."""
        return np.asarray((until_LP - since_LP).sum(axis=0))

    def before(self, keys_P: Ints, places_LP: Ints) -> Ints:
        """Return a number for (key, place) whose differences count a key's events: (P,)."""
        found_P = self._layers[0].before(keys_P, places_LP[0])
        for layer, places_P in zip(self._layers[1:], places_LP[1:], strict=True):
            if len(layer):
                found_P = found_P + layer.before(keys_P, places_P)
        return found_P


class LayeredSuccessions:
    """Successions of L stretches: of each item the last M of all count."""

    def __init__(self, layers: Sequence[Followed], most: int) -> None:
        """Take the successions, and M."""
        self._layers, self.most = layers, most

    @property
    def items(self) -> int:
        """How many columns shares have."""
        return max(layer.items for layer in self._layers)

    def latest(self, keys_P: Ints, moments_P: Ints) -> Ints:
        """Return what came after each key before each moment, latest first: (P, M)."""
        found = [layer.latest(keys_P, moments_P) for layer in reversed(self._layers) if layer.items]
        if len(found) < 2:
            return found[0] if found else np.full((len(keys_P), self.most), NO_EVENT)
        both_PX = np.hstack(found)
        order_PX = np.argsort(both_PX == NO_EVENT, axis=1, kind="stable")[:, : self.most]
        return np.take_along_axis(both_PX, order_PX, axis=1)
