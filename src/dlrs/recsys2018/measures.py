"""The challenge's measures, as pure functions of lists and of what was to be found.

What the rules leave open is read as follows. All is of the withheld tracks G, each once.

- *R-precision* looks at the first |G| of a list: a track of G counts 1. Of the other tracks there, each
  artist who has a track in G counts .25, once.
- *NDCG* has two readings in public evaluators. `by_rules`: the first place weighs 1, place i weighs 1/log₂
  i, and the ideal list has the hits on top; nothing found is 0. `usual`: place i weighs 1/log₂(i + 1), and
  the ideal list has all of G on top.
- *Clicks* are how often ten more tracks must be asked for until one of G is among them: ⌊(place − 1)/10⌋,
  and 51 if none is.

    U playlists    K places of a list    G entries of the truth, playlist by playlist
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dlrs.arrays import Bools, Doubles, Ints

ARTIST = 0.25
PAGE = 10
NEVER = 51
"""Clicks where nothing is found: one more than any list of 500 can take."""


@dataclass(frozen=True)
class Truth:
    """What is to be found for each playlist: one track or more, each once. Tracks, artists: numbers ≥ 0."""

    offsets_U1: Ints
    track_G: Ints
    artist_G: Ints

    @cached_property
    def sizes_U(self) -> Ints:
        """|G|."""
        sizes: Ints = np.diff(self.offsets_U1)
        return sizes

    def has_tracks(self, tracks_UK: Ints) -> Bools:
        """Tell which tracks are to be found; a number below 0 never is."""
        return self._has(self.track_G, tracks_UK)

    def has_artists(self, artists_UK: Ints) -> Bools:
        """Tell which artists have a track that is to be found."""
        return self._has(self.artist_G, artists_UK)

    def _has(self, value_G: Ints, values_UK: Ints) -> Bools:
        span = max(int(value_G.max(initial=0)), int(values_UK.max(initial=0))) + 1
        row_G = np.repeat(np.arange(len(self.sizes_U)), self.sizes_U)
        keys_UK = np.arange(len(values_UK))[:, None] * span + values_UK
        return np.isin(keys_UK, row_G * span + value_G) & (values_UK >= 0)


def r_precision(truth: Truth, tracks_UK: Ints, artists_UK: Ints) -> Doubles:
    """Return R-precision of each list: (U,)."""
    looked_UK = np.arange(tracks_UK.shape[1]) < truth.sizes_U[:, None]
    exact_UK = truth.has_tracks(tracks_UK) & looked_UK
    near_UK = truth.has_artists(artists_UK) & looked_UK & ~exact_UK
    row_X, place_X = np.nonzero(near_UK)
    span = int(artists_UK.max(initial=0)) + 1
    once = np.unique(row_X * span + artists_UK[row_X, place_X]) // span
    artists_U = np.bincount(once, minlength=len(tracks_UK))
    found: Doubles = (exact_UK.sum(axis=1) + ARTIST * artists_U) / truth.sizes_U
    return found


def ndcg_by_rules(hits_UK: Bools) -> Doubles:
    """Return NDCG with 1, 1/log₂ 2, 1/log₂ 3, … and the hits on top as the ideal: (U,)."""
    weight_K = np.ones(hits_UK.shape[1])
    weight_K[2:] = 1 / np.log2(np.arange(3, len(weight_K) + 1))  # of place 2 it is 1, too
    return _normalised(hits_UK, weight_K, hits_UK.sum(axis=1))


def ndcg_usual(hits_UK: Bools, sizes_U: Ints) -> Doubles:
    """Return NDCG with 1/log₂(place + 1) and all of G on top as the ideal: (U,)."""
    weight_K = 1 / np.log2(np.arange(2, hits_UK.shape[1] + 2))
    return _normalised(hits_UK, weight_K, np.minimum(sizes_U, hits_UK.shape[1]))


def _normalised(hits_UK: Bools, weight_K: Doubles, ideal_U: Ints) -> Doubles:
    best_U = np.concatenate(([0.0], np.cumsum(weight_K)))[ideal_U]
    gained_U = hits_UK @ weight_K
    normalised: Doubles = np.divide(gained_U, best_U, out=np.zeros_like(gained_U), where=best_U > 0)
    return normalised


def clicks(hits_UK: Bools) -> Ints:
    """Return how many clicks the first hit takes: (U,)."""
    return np.where(hits_UK.any(axis=1), hits_UK.argmax(axis=1) // PAGE, NEVER)


def borda(values_SM: Doubles, higher_is_better: Sequence[bool]) -> tuple[Ints, Ints]:
    """Rank S systems by M measures: of p the best by a measure gets p points, the next p − 1, and so on.

    Of systems that are equal by a measure the earlier is ahead; of those with equal points the one with more
    first places, then with more second places, and so on, then the earlier.

    Returns:
        points_S, and order_S: the systems, best first.
    """
    signs_M = np.where(np.array(higher_is_better), -1.0, 1.0)
    systems = len(values_SM)
    by_measure_SM = np.argsort(values_SM * signs_M, axis=0, kind="stable")
    place_SM = np.argsort(by_measure_SM, axis=0, kind="stable")
    points_S: Ints = (systems - place_SM).sum(axis=1)
    places_SP = (place_SM[:, :, None] == np.arange(systems)).sum(axis=1)
    keys = [*(-places_SP.T[::-1]), -points_S]  # the last key counts most
    return points_S, np.lexsort(keys)
