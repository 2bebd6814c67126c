"""Submitting: from a bundle to recommendations for the challenge's target items.

A user's logits with all target items become chances that sum to 1 (softmax): so one user who is near to
everything does not stand first everywhere, and what different users are worth to an item compares.

    U target users of the bundle    A target items of the bundle    E pairs
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dlrs.arrays import Doubles, Floats, Ints, gather_ranges, positions_in
from dlrs.bundle import current_bundle
from dlrs.errors import DataError
from dlrs.model.forward import ItemHalves
from dlrs.model.nets import AnyNets
from dlrs.progress import stage, track
from dlrs.publishing.crowd import Crowd
from dlrs.publishing.published import Published
from dlrs.ranking.top import top_k
from dlrs.recsys2017.assignment import assign
from dlrs.recsys2017.submission import MOST_USERS, Pairs, Rules, write
from dlrs.schema import ITEM

OFFERED = 100
"""Items of each user that are offered to the assignment, his best."""

PAIRS = 16_000_000
"""Pairs that are scored at a time."""


@dataclass(frozen=True)
class Targets:
    """Who may be told of what: places in a bundle's crowd and rows of its items, with their ids."""

    crowd: Crowd
    nets: AnyNets
    halves: ItemHalves
    place_U: Ints
    user_ids_U: Ints
    row_A: Ints  # of the bundle's items
    item_ids_A: Ints
    known_row_A: Ints  # of the past's items, −1 where nobody met one

    @classmethod
    def of(cls, published: Published, rules: Rules) -> Targets:
        """Find the challenge's targets in a bundle."""
        crowd, nets = Crowd.open(published.folder), published.recommender.nets
        places = crowd.places([str(id) for id in rules.target_users.tolist()])
        ids = published.items[ITEM].cast(pa.string())
        wanted = pa.array([str(id) for id in rules.target_items.tolist()])
        rows = pc.index_in(wanted, value_set=ids).fill_null(-1).to_numpy()
        row_A = rows[rows >= 0]
        item_ids_A = rules.target_items[rows >= 0]
        items = published.representations.take(row_A)
        known_row_A = crowd.item_rows([str(id) for id in item_ids_A.tolist()])
        user_ids_U = rules.target_users[places >= 0]
        return cls(
            crowd,
            nets,
            nets.item_halves(items),
            places[places >= 0],
            user_ids_U,
            row_A,
            item_ids_A,
            known_row_A,
        )

    def chances(self) -> Iterator[tuple[int, Floats]]:
        """Yield, block by block of B users, the first one's number and chances: (B, A), 0 where known."""
        step = max(1, PAIRS // max(1, len(self.row_A)))
        starts = range(0, len(self.place_U), step)
        for first in track(starts, "Score target users with target items"):
            some = self.place_U[first : first + step]
            logits_BA = self.nets.every_logit(self.crowd.users.take(some), self.halves)
            logits_BA -= logits_BA.max(axis=1, keepdims=True)
            np.exp(logits_BA, out=logits_BA)
            logits_BA /= logits_BA.sum(axis=1, keepdims=True)
            logits_BA[self._known(some)] = 0
            yield first, logits_BA

    def _known(self, places_B: Ints) -> tuple[Ints, Ints]:
        """Return which of some users met, or refused, which target items."""
        order = np.argsort(self.known_row_A)
        rows = self.crowd.arrays.user_C[places_B]
        starts = self.crowd.past.met_starts_U1[rows]
        lengths = self.crowd.past.met_starts_U1[rows + 1] - starts
        met = self.crowd.past.met_P[gather_ranges(starts, lengths)].astype(np.int64)
        place = positions_in(self.known_row_A[order], met)
        user = np.repeat(np.arange(len(places_B)), lengths)
        return user[place >= 0], order[place[place >= 0]]


def submit(
    registry: Path, data: Path, out: Path, *, once: bool = False, most: int = MOST_USERS
) -> dict[str, Any]:
    """Write a submission for the targets of a data folder, from the current bundle.

    Each item gets the users with the highest chances, `most` of them; with `once` each user has one item at
    most, each item `most` users, and the sum of all chances is as large as can be. Returns what is in it.

    Raises:
        DataError: the bundle knows none of the targets.
        ArtifactError: nothing was published, or an older dlrs did.
    """
    published = Published.load(current_bundle(registry))
    rules = Rules.of(data, once=once)
    targets = Targets.of(published, rules)
    if len(targets.place_U) == 0 or len(targets.row_A) == 0:
        raise DataError(
            f"submit: expected a bundle that knows targets of {data}, received one with "
            f"{len(targets.place_U)} of its users and {len(targets.row_A)} of its items. "
            "Is it of the same data?"
        )
    most = min(most, MOST_USERS)
    pairs, facts = _once(targets, most) if once else _lists(targets, most)
    write(pairs, out)
    return {
        "bundle_id": published.bundle_id,
        "pairs": len(pairs),
        "items": len(np.unique(pairs.item_P)),
        "users": len(np.unique(pairs.user_P)),
        "items_missing": len(rules.target_items) - len(targets.row_A),
        "users_missing": len(rules.target_users) - len(targets.place_U),
        **facts,
    }


def _lists(targets: Targets, most: int) -> tuple[Pairs, dict[str, Any]]:
    """Return the best users of each item, whatever else they have."""
    A = len(targets.row_A)
    best_AK = np.full((A, most), -1, dtype=np.int64)
    chance_AK = np.zeros((A, most), dtype=np.float32)
    for first, chance_BA in targets.chances():
        users = np.arange(first, first + len(chance_BA))
        both = np.hstack([chance_AK, np.ascontiguousarray(chance_BA.T)])
        names = np.hstack([best_AK, np.broadcast_to(users, (A, len(users)))])
        columns_AK, chance_AK = top_k(both, most)
        best_AK = np.take_along_axis(names, columns_AK.clip(min=0), axis=1)
        chance_AK = np.where(columns_AK >= 0, chance_AK, 0)
    item_P, place_P = np.nonzero((best_AK >= 0) & (chance_AK > 0))
    return Pairs(targets.item_ids_A[item_P], targets.user_ids_U[best_AK[item_P, place_P]]), {}


def _once(targets: Targets, most: int) -> tuple[Pairs, dict[str, Any]]:
    """Return the assignment with the largest sum of chances."""
    users, items, values = [], [], []
    for first, chance_BA in targets.chances():
        columns_BK, chance_BK = top_k(chance_BA, min(OFFERED, chance_BA.shape[1]))
        row, place = np.nonzero((columns_BK >= 0) & (chance_BK > 0))
        users.append(first + row)
        items.append(columns_BK[row, place])
        values.append(chance_BK[row, place])
    user_E, item_E = np.concatenate(users), np.concatenate(items)
    value_E: Doubles = np.concatenate(values).astype(np.float64)
    with stage("Assign users to items"):
        found = assign(user_E, item_E, value_E, most)
    chosen = found.chosen[np.lexsort((-value_E[found.chosen], item_E[found.chosen]))]
    pairs = Pairs(targets.item_ids_A[item_E[chosen]], targets.user_ids_U[user_E[chosen]])
    return pairs, {"sum": found.value, "gap": found.gap}
