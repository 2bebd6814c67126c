"""A synthetic market of the thesis's size, or a share of it, as arrays: for benchmarks of the evaluation.

Ads are of some 3,000 kinds of very unequal size (as makes and models are), users like three kinds each,
and how many meet an ad or a user follows the thesis's figures. Who meets which ad is random: time and
memory can be measured on it, precision cannot. About a million of the thesis's 1.71 million ads are alive in
the last of 9.3 weeks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from training_speed import ENTRIES_F, SIZES_F, SPACE

from dlrs.arrays import Ints
from dlrs.data.catalog import Catalog
from dlrs.data.interactions import Interactions
from dlrs.features.rows import EncodedRows

USERS, ITEMS, PAIRS = 100_000, 1_711_190, 14_900_000
"""Those of the thesis; pairs of a user and an ad that meet, 2.15 times on average, over 9.3 weeks."""

ACTIVE = 0.6587
"""Of the users, in the test week."""

MEETINGS = 2.15
WEEK = 7 * 86_400_000_000
TRAIN, CUT, END = 30 * WEEK // 7, 58 * WEEK // 7, 65 * WEEK // 7
LIFE = 12 * WEEK
"""Mean life of an ad."""

KINDS, LIKED = 3000, 3
TYPE_SHARES = (0.865, 0.126, 0.005, 0.004)


@dataclass(frozen=True)
class Market:
    """The arrays that an evaluation needs of a prepared data set; one version of each item."""

    catalog: Catalog
    log: Interactions
    versions: EncodedRows
    profiles: EncodedRows  # of each user row, at the cut

    @classmethod
    def load(cls, folder: Path) -> Market:
        """Map what `make` wrote."""
        versions = EncodedRows.load(folder / "versions")
        life_2N = np.load(folder / "life.npy")
        catalog = Catalog(len(versions), np.arange(len(versions)), *life_2N)
        log = Interactions.load(folder / "log")
        return cls(catalog, log, versions, EncodedRows.load(folder / "profiles"))


def make(folder: Path, share: float, seed: int = 0) -> None:
    """Write a market with this share of the thesis's users, ads and interactions."""
    rng = np.random.default_rng(seed)
    users, items = round(share * USERS), round(share * ITEMS)
    kinds_KF = rng.integers(0, SIZES_F, (KINDS, len(SIZES_F)))
    means_KC = rng.normal(size=(KINDS, len(SPACE.continuous)))
    sizes_K = rng.permutation(1 / np.arange(1, KINDS + 1))
    sizes_K /= sizes_K.sum()
    kind_N = rng.choice(KINDS, items, p=sizes_K)
    numbers_NC = means_KC[kind_N] + 0.5 * rng.normal(size=(items, len(SPACE.continuous)))
    _rows(kind_N[:, None], (1,) * len(SIZES_F), kinds_KF, numbers_NC, rng).save(folder / "versions")
    liked_UK = rng.choice(KINDS, (users, LIKED), p=sizes_K)
    numbers_UC = means_KC[liked_UK].mean(axis=1)
    numbers_U2C = np.hstack([numbers_UC, np.abs(rng.normal(size=numbers_UC.shape))])
    _rows(liked_UK, ENTRIES_F, kinds_KF, numbers_U2C, rng).save(folder / "profiles")
    born_N = rng.integers(-int(LIFE), int(END), items)
    dead_N = born_N + rng.exponential(LIFE, items).astype(np.int64)
    np.save(folder / "life.npy", np.stack([born_N, dead_N]))
    _log(round(share * PAIRS), users, born_N, dead_N, rng).save(folder / "log")


def _rows(
    kind_NK: Ints,
    entries_F: tuple[int, ...],
    kinds_KF: Ints,
    numbers_NC: np.ndarray,
    rng: np.random.Generator,
) -> EncodedRows:
    """Return rows with so many entries of each feature, three of four as one of their kinds has it."""
    feature_B = np.repeat(np.arange(len(SIZES_F)), entries_F)
    row = np.arange(len(kind_NK))[:, None]
    kind_NB = kind_NK[row, rng.integers(0, kind_NK.shape[1], (len(kind_NK), len(feature_B)))]
    value_NB = kinds_KF[kind_NB, feature_B]
    strange_NB = rng.random(value_NB.shape) < 0.25
    other_NB = rng.integers(0, np.array(SIZES_F)[feature_B], value_NB.shape)
    columns_NB = SPACE.starts_F[feature_B] + np.where(strange_NB, other_NB, value_NB)
    lengths = np.tile(np.array(entries_F), len(kind_NK))
    return EncodedRows(
        continuous_NC=numbers_NC.astype(np.float32),
        offsets=np.concatenate(([0], np.cumsum(lengths))),
        columns_E=columns_NB.ravel().astype(np.int32),
        weights_E=(1 / np.repeat(lengths, lengths)).astype(np.float32),
    )


def _log(pairs: int, users: int, born_N: Ints, dead_N: Ints, rng: np.random.Generator) -> Interactions:
    """Return meetings of users and ads that are alive, in the order of time."""
    begin_N, end_N = np.maximum(born_N, 0), np.minimum(dead_N, END)
    drawn_N = np.exp(1.1 * rng.standard_normal(len(born_N))) * np.maximum(end_N - begin_N, 0)
    item_P = rng.choice(len(born_N), pairs, p=drawn_N / drawn_N.sum())
    time_P = begin_N[item_P] + (rng.random(pairs) * (end_N - begin_N)[item_P]).astype(np.int64)
    active_U = np.exp(1.25 * rng.standard_normal(users))
    user_P = rng.choice(users, pairs, p=active_U / active_U.sum())
    tested_P = time_P >= CUT
    active_U[round(ACTIVE * users) :] = 0
    user_P[tested_P] = rng.choice(users, int(tested_P.sum()), p=active_U / active_U.sum())
    met_E = np.repeat(np.arange(pairs), rng.geometric(1 / MEETINGS, pairs))
    met_E = met_E[np.argsort(time_P[met_E], kind="stable")]
    type_E = rng.choice(len(TYPE_SHARES), len(met_E), p=TYPE_SHARES)
    return Interactions(user_P[met_E], item_P[met_E], item_P[met_E], type_E, time_P[met_E])


if __name__ == "__main__":
    import sys

    make(Path(sys.argv[1]), float(sys.argv[2]))
