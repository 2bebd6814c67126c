"""Negatives: items that a user did not choose, drawn for each positive.

Four samplers, one interface. Algorithm 1 [T §4.2] draws negatives as plausible as the positives: for
each period and each value of one categorical feature, each user draws as many items as he has
positives there, from the items that others chose there and he did not. Uniform sampling draws from
everything that could have been chosen: it teaches what a user never looks at, which Algorithm 1
cannot. Sampling by popularity draws what others chose, in any category: it teaches not to recommend
something to everybody because it is popular. Where a log tells what a user was shown and passed by,
or refused, that can be drawn, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dlrs.arrays import NO_ITEM, Doubles, Ints, distinct, positions_in
from dlrs.data.catalog import Catalog
from dlrs.data.interactions import Interactions
from dlrs.samples.pairs import Pairs
from dlrs.samples.positives import Positives

REDRAWS = 5
POPULARITY = 0.75  # word2vec's exponent: between all alike (0) and as often as they are chosen (1)


class Sampler(Protocol):
    """Draws items that users did not choose."""

    def draw(self, positives: Positives, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Draw one negative item for each positive that can have one, with replacement.

        Never an item that the positive's user chose in the positive's period.

        Returns the positions of the positives that got a negative, ascending, and the items drawn.
        """
        ...


@dataclass(frozen=True)
class InCategory:
    """Algorithm 1: uniformly from what others chose in the same period and category."""

    category_V: Ints  # of each item version, −1 if missing

    def draw(self, positives: Positives, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Draw as `Sampler` says, within the groups of one period and category.

        In a group with users U⁺ and items V⁺ each draw is uniform over V⁺ \\ V_u⁺. No draw where the
        category is missing, |U⁺| < 2, |V⁺| < 2, or V⁺ \\ V_u⁺ is empty (method §9). An item that
        changed its category is one for each: chosen under the other one, it may be drawn here.
        """
        category_E = self.category_V[positives.version_E]
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
        owner_keys = group_R * users + positives.user_E[rows]
        order = np.lexsort((member_R, owner_keys))
        rows, group_R, member_R, owner_keys = (a[order] for a in (rows, group_R, member_R, owner_keys))
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


@dataclass(frozen=True)
class FromPools:
    """From all items of the positive's period, by how many positives there are of them.

    A probability is proportional to count ** exponent: with 0 all items of the pool are alike, with
    `POPULARITY` those that nobody chose in the period are never drawn. The counts are those of the
    positives themselves, each period's for itself. So nothing of a later period, let alone of after the
    cut, has a say, and what is held back for validation tells the periods before it nothing.
    """

    pools: Mapping[int, Ints]  # the items alive in each period, distinct
    exponent: float = 0

    def draw(self, positives: Positives, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Draw as `Sampler` says; after `REDRAWS` draws of what the user chose, a positive goes without."""
        items = np.full(len(positives), NO_ITEM)
        size = 1 + max(int(rows.max(initial=0)) for rows in (*self.pools.values(), positives.item_E))
        owner_E = positives.period_E * (int(positives.user_E.max(initial=0)) + 1) + positives.user_E
        chosen_E = owner_E * size + positives.item_E  # ascending, as positives are
        chances = {
            period: _chances(pool, positives.item_E[positives.period_E == period], self.exponent, size)
            for period, pool in self.pools.items()
        }
        undrawn = np.arange(len(positives))
        for _ in range(REDRAWS):
            for period, (pool, probability_I) in chances.items():
                of_period = undrawn[positives.period_E[undrawn] == period]
                if len(pool):
                    items[of_period] = rng.choice(pool, len(of_period), p=probability_I)
            own = positions_in(chosen_E, owner_E[undrawn] * size + items[undrawn]) >= 0
            undrawn = undrawn[own | (items[undrawn] == NO_ITEM)]
        items[undrawn] = NO_ITEM
        drawn = np.flatnonzero(items != NO_ITEM)
        return drawn, items[drawn]


@dataclass(frozen=True)
class PassedBy:
    """What the positive's own user was shown and passed by, or refused, in the positive's period.

    Where he was shown much and chose little, that says more than what others chose.
    """

    negatives: Interactions  # the events of negative types
    period_starts_Q: Ints  # microseconds; the last one ends the last period

    def draw(self, positives: Positives, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Draw as `Sampler` says, all items alike that the user passed by and did not choose."""
        starts_Q = self.period_starts_Q
        inside = self.negatives.between(int(starts_Q[0]), int(starts_Q[-1]))
        period_X = np.searchsorted(starts_Q, inside.time_E, side="right") - 1
        users, items = (
            1 + max(int(rows.max(initial=0)) for rows in both)
            for both in ((inside.user_E, positives.user_E), (inside.item_E, positives.item_E))
        )
        passed_X = distinct((period_X * users + inside.user_E) * items + inside.item_E)
        owner_E = positives.period_E * users + positives.user_E
        chosen_E = owner_E * items + positives.item_E  # ascending, as positives are
        passed_X = passed_X[positions_in(chosen_E, passed_X) < 0]
        first_E, end_E = np.searchsorted(passed_X, [owner_E * items, (owner_E + 1) * items])
        drawn = np.flatnonzero(end_E > first_E)
        places = first_E[drawn] + rng.integers(0, (end_E - first_E)[drawn])
        return drawn, passed_X[places] % items


def _chances(pool_I: Ints, chosen_E: Ints, exponent: float, size: int) -> tuple[Ints, Doubles | None]:
    """Return the items of a pool that can be drawn and their probabilities, None for all alike."""
    if exponent == 0:
        return pool_I, None
    counts_I = np.bincount(chosen_E, minlength=size)[pool_I]
    weights_I = counts_I[counts_I > 0] ** exponent
    return pool_I[counts_I > 0], weights_I / weights_I.sum()


def labelled_pairs(positives: Positives, draws: Sequence[tuple[Ints, Ints]], catalog: Catalog) -> Pairs:
    """Return positives and their negatives: for each draw the positives' positions and the items.

    A negative carries the item version that held when the positive happened. A positive for which
    no negative was found is left out, so that Algorithm 1 alone gives as many of one label as of the
    other.
    """
    chosen = np.concatenate([rows for rows, _ in draws])
    items = np.concatenate([items for _, items in draws])
    some = np.zeros(len(positives), dtype=np.bool_)
    some[chosen] = True
    kept = np.flatnonzero(some)
    negative_versions = catalog.version_at(items, positives.time_E[chosen])
    label_P = np.zeros(len(kept) + len(chosen), dtype=np.float32)
    label_P[: len(kept)] = 1
    rows = np.concatenate([kept, chosen])
    return Pairs(
        profile_P=positives.profile_E[rows].astype(np.int32),
        version_P=np.concatenate([positives.version_E[kept], negative_versions]).astype(np.int32),
        label_P=label_P,
        period_P=positives.period_E[rows].astype(np.int32),
    )


def _runs(keys_R: Ints) -> tuple[Ints, Ints]:
    """For sorted keys: where each one's run of equal keys starts, and the number of that run."""
    starts = np.flatnonzero(np.r_[True, keys_R[1:] != keys_R[:-1]]) if len(keys_R) else keys_R
    run_R = np.searchsorted(starts, np.arange(len(keys_R)), side="right") - 1
    return starts[run_R], run_R
