"""Static test: whom the models are judged on, and what counts as right (method §7, §9).

Letters beside those of `arrays`: `N` counts every item row there is, `A` only the items of the
catalogue that is recommended from (those alive in the test, or at its start).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from scipy import sparse

from dlrs.arrays import Bools, Ints, distinct, stores_pairs
from dlrs.data.catalog import Catalog
from dlrs.data.interactions import ALL_TIME, Interactions
from dlrs.errors import DataError

Universe = Literal["window", "cut"]


@dataclass(frozen=True)
class LeftOut:
    """What the test window held and the test does not. Pairs are unique (user, item)."""

    users_without_profile: int
    users_without_new_positive: int
    users_beyond_sample: int
    pairs_known: int  # of users with a profile, as is the next
    pairs_outside_catalogue: int  # new, but of items that cannot be recommended


@dataclass(frozen=True)
class StaticTest:
    """U users with what they knew before the cut, and what they turned to after it."""

    users_U: Ints  # user rows, ascending
    known_UN: sparse.csr_array  # how often each met each item before the cut
    relevant_UN: sparse.csr_array  # True: the new positives
    versions_A: Ints  # the catalogue: one version row for each item, by item row
    items_A: Ints  # their item rows
    counts_N: Ints  # events on each item before the cut
    left_out: LeftOut

    @cached_property
    def cold_N(self) -> Bools:
        """Which item rows nobody met before the cut."""
        return np.asarray(self.counts_N == 0)

    @cached_property
    def in_catalogue_N(self) -> Bools:
        """Which item rows may be recommended."""
        return _mask(self.items_A, len(self.counts_N))

    @property
    def counts_A(self) -> Ints:
        """Events on each item of the catalogue before the cut."""
        return self.counts_N[self.items_A]

    def positives(self, counted_N: Bools) -> Ints:
        """Return how many of the counted items are relevant to each user: (U,)."""
        relevant_U: Ints = self.relevant_UN.astype(np.int64) @ counted_N.astype(np.int64)
        return relevant_U

    def only(self, counted_N: Bools) -> StaticTest:
        """Return the test over some of the items: its users are those who turned to one of them."""
        some_U, kept_A = self.positives(counted_N) > 0, counted_N[self.items_A]
        relevant_UN = self.relevant_UN[some_U].multiply(counted_N).tocsr()
        relevant_UN.eliminate_zeros()
        return replace(
            self,
            users_U=self.users_U[some_U],
            known_UN=self.known_UN[some_U],
            relevant_UN=sparse.csr_array(relevant_UN),
            versions_A=self.versions_A[kept_A],
            items_A=self.items_A[kept_A],
        )

    @property
    def facts(self) -> dict[str, int]:
        """The size of the test, and of what was left out, for the report."""
        return {
            "users": len(self.users_U),
            "items": len(self.items_A),
            "cold_items": int(self.cold_N[self.items_A].sum()),
            "pairs": int(self.relevant_UN.nnz),
            "pairs_of_cold_items": int(self.positives(self.cold_N).sum()),
            "users_with_warm_positive": int((self.positives(~self.cold_N) > 0).sum()),
            "users_with_cold_positive": int((self.positives(self.cold_N) > 0).sum()),
            **vars(self.left_out),
        }


def static_test(
    interactions: Interactions,
    catalog: Catalog,
    *,
    users: int,
    since: int,
    until: int,
    profiled_users: Ints,
    max_users: int,
    seed: int,
    universe: Universe = "window",
    refused: Interactions | None = None,
) -> StaticTest:
    """Cut the log at `since` and take what is new in [since, until) as relevant.

    Users are those with a profile at the cut and a new positive in the catalogue; a seeded sample
    of them if there are more than `max_users`. Known, and so neither relevant nor recommended, is
    all that a user met before the cut, in training or earlier.

    Args:
        interactions: the whole log.
        catalog: every version of every item.
        users: number of user rows.
        since: the cut, in microseconds since the epoch, UTC.
        until: end of the test window, itself outside.
        profiled_users: rows of the users with a profile at the cut.
        max_users: most users to judge on.
        seed: of the sample.
        universe: `window` is the thesis's: items alive at any moment of the window, features from
            their first version in it. `cut` is strict: only items alive at the cut.
        refused: events after which an item counts as known to their user, too.

    Raises:
        DataError: no user is left.
    """
    versions_A = catalog.alive_between(since, until) if universe == "window" else catalog.alive_at(since)
    items_A = catalog.item_V[versions_A]
    before = interactions.between(ALL_TIME, since)
    window = interactions.between(since, until)

    # only of who is active in the window: everybody's matrix would take as much memory as the log
    active_U = _mask(window.user_E, users)
    known_UN = before.take(active_U[before.user_E]).matrix(users, catalog.items)
    if refused is not None and len(refused):
        refusals = refused.between(ALL_TIME, since)
        refusals_UN = refusals.take(active_U[refusals.user_E]).matrix(users, catalog.items)
        known_UN = sparse.csr_array(known_UN + refusals_UN)
    user_P, item_P = np.divmod(distinct(window.pairs(catalog.items)), catalog.items)
    profiled_P = _mask(profiled_users, users)[user_P]
    known_P = stores_pairs(known_UN, user_P, item_P)
    outside_P = ~_mask(items_A, catalog.items)[item_P]
    relevant_P = profiled_P & ~known_P & ~outside_P

    eligible = np.unique(user_P[relevant_P])
    if len(eligible) == 0:
        raise DataError(
            f"test window [{_time(since)}, {_time(until)}): expected at least one user with a profile at "
            f"its start and a new item in it, received none among {len(np.unique(user_P))} active users. "
            "Move the split or widen the profile window."
        )
    users_U = _sample(eligible, max_users, seed)
    relevant_P &= np.isin(user_P, users_U)
    rows_P = np.searchsorted(users_U, user_P[relevant_P])
    relevant = (np.ones(len(rows_P), dtype=np.bool_), (rows_P, item_P[relevant_P]))
    return StaticTest(
        users_U=users_U,
        known_UN=known_UN[users_U],
        relevant_UN=sparse.csr_array(relevant, shape=(len(users_U), catalog.items)),
        versions_A=versions_A,
        items_A=items_A,
        counts_N=np.bincount(before.item_E, minlength=catalog.items),
        left_out=LeftOut(
            users_without_profile=len(np.unique(user_P[~profiled_P])),
            users_without_new_positive=len(np.unique(user_P[profiled_P])) - len(eligible),
            users_beyond_sample=len(eligible) - len(users_U),
            pairs_known=int((profiled_P & known_P).sum()),
            pairs_outside_catalogue=int((profiled_P & ~known_P & outside_P).sum()),
        ),
    )


def _mask(rows: Ints, size: int) -> Bools:
    mask = np.zeros(size, dtype=np.bool_)
    mask[rows] = True
    return mask


def _sample(eligible: Ints, most: int, seed: int) -> Ints:
    if len(eligible) <= most:
        return eligible
    return np.sort(np.random.default_rng(seed).choice(eligible, most, replace=False))


def _time(microseconds: int) -> str:
    return f"{np.datetime64(microseconds, 'us')}Z"
