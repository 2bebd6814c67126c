"""Category-based negative sampling: negatives as plausible as the positives [T §4.2, Algorithm 1].

For each period and each value of one categorical feature: among the positives there, each user
draws as many items as he has positives, from the items that others chose there and he did not.
"""

from __future__ import annotations

import numpy as np

from dlrs.arrays import Ints
from dlrs.data.catalog import Catalog
from dlrs.samples.pairs import Pairs
from dlrs.samples.positives import Positives


def category_negatives(positives: Positives, category_E: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Draw one negative item for each positive that can have one.

    `category_E` is the category of each positive, −1 if missing. Within a group (period, category)
    with users U⁺ and items V⁺ each draw is uniform over V⁺ \\ V_u⁺, with replacement. No draw where
    the category is missing, |U⁺| < 2, |V⁺| < 2, or V⁺ \\ V_u⁺ is empty (method §9).

    Returns the positions of the positives that got a negative, ascending, and the items drawn.
    """
    rows = np.flatnonzero(category_E >= 0)
    _, group_R = np.unique(
        positives.period_E[rows] * (int(category_E.max(initial=0)) + 1) + category_E[rows],
        return_inverse=True,
    )
    items = int(positives.item_E.max(initial=0)) + 1
    users = int(positives.user_E.max(initial=0)) + 1

    # V⁺ of every group, ascending, laid end to end: member m of group g is pool[pool_start[g] + m]
    pool_keys, member_R = np.unique(group_R * items + positives.item_E[rows], return_inverse=True)
    pool_start_G = np.searchsorted(pool_keys, np.arange(group_R.max(initial=-1) + 2) * items)
    pool_size_G = np.diff(pool_start_G)
    member_R = member_R - pool_start_G[group_R]

    # V_u⁺: the positives of one user in one group stand together, their members ascending
    order = np.lexsort((member_R, positives.user_E[rows], group_R))
    rows, group_R, member_R = rows[order], group_R[order], member_R[order]
    owner_keys = group_R * users + positives.user_E[rows]
    first_R, owner_R = _runs(owner_keys)
    own_R = np.bincount(owner_R)[owner_R]
    users_G = np.bincount(group_R[np.unique(first_R)], minlength=len(pool_size_G))

    free_R = pool_size_G[group_R] - own_R
    possible = (users_G[group_R] >= 2) & (pool_size_G[group_R] >= 2) & (free_R > 0)
    # The r-th free member is r plus the own members before it. Own member j (0, 1, …) comes before
    # it exactly if own_j − j ≤ r, and own_j − j ascends: one sorted search counts them for all draws.
    draw_R = rng.integers(0, np.maximum(free_R, 1))
    position_R = np.arange(len(rows)) - first_R
    span = int(pool_size_G.max(initial=0)) + 1
    before_R = np.searchsorted(
        owner_R * span + (member_R - position_R), owner_R * span + draw_R, side="right"
    )
    drawn = pool_start_G[group_R] + draw_R + before_R - first_R
    drawn_items = pool_keys[np.minimum(drawn, len(pool_keys) - 1)] % items if len(rows) else rows
    back = np.argsort(rows[possible])
    return rows[possible][back], drawn_items[possible][back]


def balanced_pairs(
    positives: Positives, category_V: Ints, catalog: Catalog, rng: np.random.Generator
) -> Pairs:
    """Return positives and their negatives: as many of one label as of the other.

    A negative carries the item version that held when the positive happened. A positive for which
    Algorithm 1 finds no negative is left out, so that the labels stay balanced.
    """
    chosen, items = category_negatives(positives, category_V[positives.version_E], rng)
    negative_versions = catalog.version_at(items, positives.time_E[chosen])
    return Pairs(
        profile_P=np.tile(positives.profile_E[chosen], 2),
        version_P=np.concatenate([positives.version_E[chosen], negative_versions]),
        label_P=np.repeat(np.array([1, 0], dtype=np.float32), len(chosen)),
        period_P=np.tile(positives.period_E[chosen], 2),
    )


def _runs(keys_R: Ints) -> tuple[Ints, Ints]:
    """For sorted keys: where each one's run of equal keys starts, and the number of that run."""
    starts = np.flatnonzero(np.r_[True, keys_R[1:] != keys_R[:-1]]) if len(keys_R) else keys_R
    run_R = np.searchsorted(starts, np.arange(len(keys_R)), side="right") - 1
    return starts[run_R], run_R
