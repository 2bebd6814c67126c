"""Order: how the pairs of an epoch follow one another.

Pairs in any order meet a user only once or twice in a batch, so that nearly every pair costs the
embedding of a whole profile. Therefore up to so many pairs of one profile, drawn anew each epoch, may
stand together: a *run*. Runs follow each other in any order.
"""

from __future__ import annotations

import numpy as np

from dlrs.arrays import Ints, gather_ranges


def shuffled(profile_P: Ints, together: int, rng: np.random.Generator) -> Ints:
    """Return the rows of all P pairs in random order, `together` at most of one profile side by side.

    Which pairs of a profile share a run is random, too. int32 where that can hold the rows.
    """
    P = len(profile_P)
    order_P: Ints = rng.permutation(np.arange(P, dtype=np.int32 if P < 2**31 else np.int64))
    if together == 1 or P == 0:
        return order_P
    order_P = order_P[np.argsort(profile_P[order_P], kind="stable")]  # by profile, at random within
    starts_R, lengths_R = _runs(profile_P[order_P], together)
    runs_R = rng.permutation(len(starts_R))
    return order_P[gather_ranges(starts_R[runs_R], lengths_R[runs_R])]


def _runs(sorted_P: Ints, together: int) -> tuple[Ints, Ints]:
    """Chop each stretch of equal values: where the pieces start, and how long they are."""
    first_G = np.flatnonzero(np.concatenate(([True], sorted_P[1:] != sorted_P[:-1])))
    size_G = np.diff(first_G, append=len(sorted_P))
    pieces_G = -(-size_G // together)
    within_R = gather_ranges(np.zeros_like(pieces_G), pieces_G)
    starts_R = np.repeat(first_G, pieces_G) + within_R * together
    return starts_R, np.diff(starts_R, append=len(sorted_P))
