"""Negatives: items that a user did not choose, drawn for each positive.

Category-based sampling [T §4.2, Algorithm 1] draws negatives as plausible as the positives: for each
period and each value of one categorical feature, each user draws as many items as he has positives
there, from the items that others chose there and he did not. Uniform sampling draws from everything
that could have been chosen: it teaches what a user never looks at, which Algorithm 1 cannot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from dlrs.arrays import Ints
from dlrs.data.catalog import Catalog
from dlrs.samples.pairs import Pairs
from dlrs.samples.positives import Positives

REDRAWS = 5


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

    free_R = pool_size_G[group_R] - own_R
    # |U⁺| < 2 or |V⁺| < 2 leave nothing free either: all of V⁺ is then the one user's own
    possible = free_R > 0
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


def uniform_negatives(
    positives: Positives, pools: Mapping[int, Ints], rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Draw one negative item for each positive, uniformly from all items of its period.

    `pools` gives each period's items. What the user chose in the period is drawn anew, a few
    times; then the positive goes without. Returns the same as `category_negatives`.
    """
    items = np.empty(len(positives), dtype=np.int64)
    undrawn = np.arange(len(positives))
    size = 1 + max((int(pool.max(initial=-1)) for pool in pools.values()), default=0)
    size = max(size, int(positives.item_E.max(initial=0)) + 1)
    owner_E = positives.period_E * (int(positives.user_E.max(initial=0)) + 1) + positives.user_E
    chosen_E = owner_E * size + positives.item_E
    for _ in range(REDRAWS):
        for period, pool in pools.items():
            of_period = undrawn[positives.period_E[undrawn] == period]
            items[of_period] = rng.choice(pool, len(of_period))
        undrawn = undrawn[np.isin(owner_E[undrawn] * size + items[undrawn], chosen_E)]
    drawn = np.setdiff1d(np.arange(len(positives)), undrawn)
    return drawn, items[drawn]


def labelled_pairs(positives: Positives, draws: Sequence[tuple[Ints, Ints]], catalog: Catalog) -> Pairs:
    """Return positives and their negatives: for each draw the positives' positions and the items.

    A negative carries the item version that held when the positive happened. A positive for which
    no negative was found is left out, so that Algorithm 1 alone gives as many of one label as of the
    other.
    """
    chosen = np.concatenate([rows for rows, _ in draws])
    items = np.concatenate([items for _, items in draws])
    kept = np.unique(chosen)
    negative_versions = catalog.version_at(items, positives.time_E[chosen])
    label_P = np.zeros(len(kept) + len(chosen), dtype=np.float32)
    label_P[: len(kept)] = 1
    rows = np.concatenate([kept, chosen])
    return Pairs(
        profile_P=positives.profile_E[rows],
        version_P=np.concatenate([positives.version_E[kept], negative_versions]),
        label_P=label_P,
        period_P=positives.period_E[rows],
    )


def _runs(keys_R: Ints) -> tuple[Ints, Ints]:
    """For sorted keys: where each one's run of equal keys starts, and the number of that run."""
    starts = np.flatnonzero(np.r_[True, keys_R[1:] != keys_R[:-1]]) if len(keys_R) else keys_R
    run_R = np.searchsorted(starts, np.arange(len(keys_R)), side="right") - 1
    return starts[run_R], run_R
