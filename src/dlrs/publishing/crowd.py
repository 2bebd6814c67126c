"""Crowd: the users that a bundle knows, as its networks see them at its watermark: who suits an item best.

users/crowd/*.npy    whom something is known of, and what UserNet made of each

With the thesis's networks that is who has a profile, and who has features of his own but no event in the
window; with the history network, who met anything in the window or has features of his own. An item that a
user met, or refused, is not for him.

    C users of the crowd, by id    B items of a block
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import pyarrow.compute as pc

from dlrs.arrays import Bools, Columns, Floats, Ints, StoredArrays, positions_in
from dlrs.candidates.filtering.columns import as_texts
from dlrs.candidates.histories import embed_users, histories_before
from dlrs.data.interactions import micros
from dlrs.errors import ArtifactError
from dlrs.model.forward import Nets, Representations
from dlrs.model.nets import AnyNets
from dlrs.past.stored import USERS, PastArrays, texts_of
from dlrs.ranking.top import top_k
from dlrs.recommenders.recommender import Audience
from dlrs.schema import USER

if TYPE_CHECKING:  # the service serves without what prepares
    from dlrs.prepared import Prepared

CROWD = "crowd"
BLOCK = 4096
"""Users embedded together."""

PAIRS = 16_000_000
"""Pairs of a user and an item that are scored before the best are taken out."""


@dataclass(frozen=True)
class CrowdArrays(StoredArrays):
    """What is in the .npy files."""

    user_C: Columns  # row of the past
    embedding_CD: Floats
    wide_C: Floats


def write_crowd(prepared: Prepared, nets: AnyNets, bundle: Path) -> None:
    """Write the users as they are at the end of the log into the bundle's folder, beside their past."""
    end = micros(prepared.recipe.marketplace.split.test_until)
    histories = histories_before(prepared, end)
    profile_of_U = prepared.profile_of_QU[prepared.serving_period]
    space, own = prepared.encoding.space, prepared.own_features
    audience = Audience(prepared.profiles, profile_of_U, space, own)
    user_C = np.flatnonzero(_known(prepared, nets, profile_of_U, histories.any_U))
    embedding_CD, wide_C = np.empty((0, 0), dtype=np.float32), np.empty(len(user_C), dtype=np.float32)
    for start in range(0, max(1, len(user_C)), BLOCK):
        some = user_C[start : start + BLOCK]
        met = None if isinstance(nets, Nets) else histories.take(some)
        found = embed_users(nets, audience.take(some), met)
        if start == 0:
            embedding_CD = np.empty((len(user_C), found.embedding_ND.shape[1]), dtype=np.float32)
        embedding_CD[start : start + BLOCK], wide_C[start : start + BLOCK] = found.embedding_ND, found.wide_N
    CrowdArrays(user_C.astype(np.int32), embedding_CD, wide_C).save(bundle / USERS / CROWD)


def _known(prepared: Prepared, nets: AnyNets, profile_of_U: Ints, met_U: Bools) -> Bools:
    """Tell of whom something is known. A profile of fewer events than a recipe asks for is none."""
    own_U: Bools = np.zeros(len(profile_of_U), dtype=np.bool_)
    if prepared.own_raw is not None:
        for column in set(prepared.own_raw.column_names) - {USER}:  # an id says nothing of him
            own_U |= pc.is_valid(prepared.own_raw[column]).to_numpy()
    if isinstance(nets, Nets):
        return np.asarray((profile_of_U >= 0) | (own_U & ~met_U))
    return met_U | own_U


@dataclass(frozen=True)
class Crowd:
    """The users of one bundle. Reading only: shared by threads."""

    arrays: CrowdArrays
    past: PastArrays

    @classmethod
    def open(cls, bundle: Path) -> Self:
        """Map what `write_crowd` wrote.

        Raises:
            ArtifactError: an older dlrs made the bundle.
        """
        if not (bundle / USERS / CROWD).is_dir():
            raise ArtifactError(
                f"{bundle}: expected {USERS}/{CROWD}, the users to find for an item, received a bundle "
                "that an older dlrs made. Publish again."
            )
        return cls(CrowdArrays.load(bundle / USERS / CROWD), PastArrays.load(bundle / USERS))

    def __len__(self) -> int:
        return len(self.arrays.user_C)

    @cached_property
    def users(self) -> Representations:
        """What UserNet made of each of them."""
        return Representations(self.arrays.embedding_CD, self.arrays.wide_C)

    def ids(self, places: Ints) -> list[str]:
        """Return the ids of some of them."""
        return texts_of(self.past.ids_U[self.arrays.user_C[places]])

    def places(self, user_ids: list[str]) -> Ints:
        """Return where users stand in the crowd, −1 for those who are not in it."""
        rows = _rows(self.past.ids_U, user_ids)
        return np.where(rows >= 0, positions_in(self.arrays.user_C.astype(np.int64), rows), -1)

    def item_rows(self, item_ids: list[str]) -> Ints:
        """Return the rows of items in the past, −1 for those that the log does not have."""
        return _rows(self.past.ids_N, item_ids)

    def knowing(self, item_id: str) -> Ints:
        """Return the places of those who met the item before the watermark, or refused it."""
        (row,) = self.item_rows([item_id])
        pairs = np.flatnonzero(self.past.met_P == row) if row >= 0 else np.empty(0, dtype=np.int64)
        return self._places_of_pairs(pairs)

    def scores(self, nets: AnyNets, item: Representations) -> Floats:
        """Return the logit of each of them with one item: (C,)."""
        logits_C1 = nets.logits(self.users, nets.item_halves(item), np.zeros((len(self), 1), dtype=np.int64))
        return logits_C1[:, 0]

    def best(self, scores_C: Floats, k: int) -> list[tuple[str, float]]:
        """Return ids and scores of the k best, best first; −inf: left out. Equal ones come by their ids."""
        places_1K, scores_1K = top_k(scores_C[None], k)
        found = places_1K[0][places_1K[0] >= 0]
        return list(zip(self.ids(found), scores_1K[0][: len(found)].tolist(), strict=True))

    def best_of_each(
        self, nets: AnyNets, items: Representations, item_ids: list[str], k: int
    ) -> Iterator[tuple[int, Ints, Floats]]:
        """Yield, block by block of B items, the first one's number, and places and logits of the best users.

        Both are (B, k), best first, padded with `arrays.NO_ITEM` and −inf.
        """
        rows = self.item_rows(item_ids)
        order = np.argsort(self.past.met_P, kind="stable")
        met_P = self.past.met_P[order]
        step = max(1, PAIRS // max(1, len(self)))
        for first in range(0, len(item_ids), step):
            some = rows[first : first + step]
            logits_BC = np.ascontiguousarray(every_logit(nets, self.users, items, first, step).T)
            low, high = np.searchsorted(met_P, some), np.searchsorted(met_P, some, side="right")
            for place in np.flatnonzero((high > low) & (some >= 0)).tolist():
                logits_BC[place, self._places_of_pairs(order[low[place] : high[place]])] = -np.inf
            yield first, *top_k(logits_BC, k)

    def _places_of_pairs(self, pairs: Ints) -> Ints:
        users = np.searchsorted(self.past.met_starts_U1, pairs, side="right") - 1
        places = positions_in(self.arrays.user_C.astype(np.int64), users)
        return places[places >= 0]


def every_logit(
    nets: AnyNets, users: Representations, items: Representations, first: int, count: int
) -> Floats:
    """Return the logit of each user with `count` items from the first: (U, B)."""
    some = items.take(np.arange(first, min(first + count, len(items))))
    return nets.every_logit(users, nets.item_halves(some))


def best_users(
    crowd: Crowd, nets: AnyNets, item_id: str, item: Representations, k: int
) -> list[tuple[str, float]]:
    """Return ids and logits of the k users that suit an item best, best first; none of them met it."""
    scores_C = crowd.scores(nets, item).copy()
    scores_C[crowd.knowing(item_id)] = -np.inf
    return crowd.best(scores_C, k)


def _rows(sorted_ids: np.ndarray, ids: list[str]) -> Ints:
    """Return where ids stand among ascending ones, −1 for those that are not there."""
    texts = as_texts(ids)
    if len(sorted_ids) == 0 or len(texts) == 0:
        return np.full(len(ids), -1, dtype=np.int64)
    # cut to their width: longer ids, which cannot be there, would have numpy copy all of them wider
    near = np.searchsorted(sorted_ids, texts.astype(sorted_ids.dtype)).clip(max=len(sorted_ids) - 1)
    return np.where(sorted_ids[near] == texts, near, -1)
