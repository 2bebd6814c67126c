"""The gold standard: a user's best items of all, found by scoring every pair [T §4.4].

Candidate generation is judged by how much of it the candidates keep. Known positives are left out, as they
are of candidates and of lists: what may not be recommended cannot be missed.

The users are cut into blocks, and the best of each block become a file as soon as they are found, so that a
run that was stopped goes on behind the last of them. Within a block the items pass by in blocks, and only the
best so far are kept of them: no array is as large as users × items.

    A items of the catalogue    B items of a block
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from scipy import sparse

from dlrs import bundle
from dlrs.arrays import NO_ITEM, Columns, Floats, GrowingArray, Ints, StoredArrays, digest_of
from dlrs.atomic import replacing
from dlrs.bundle import Folder
from dlrs.model.forward import ItemHalves, Nets, Representations
from dlrs.order import falling, numbers_of, scores_of
from dlrs.progress import track

KIND = "gold"
IDENTITY = "identity"
"""The fact that tells one gold standard from another."""

USERS = 64
"""Users of a block: a file each, 8 kB a user with 1,000 kept."""

ITEMS = 8192
"""Items of a block. The best of the block are chosen among these and the best so far."""

NOTHING = falling(np.array([-np.inf], dtype=np.float32), np.array([2**32 - 1]))
"""A key behind those of all items: (1,)."""


@dataclass(frozen=True)
class GoldStandard(StoredArrays):
    """The best K items of each of U users, best first.

    `items_UK` are item rows, padded with `NO_ITEM` where a user has fewer unknown ones; the logits there
    are −inf.
    """

    users_U: Ints
    items_UK: Columns
    logits_UK: Floats

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map what `write_gold` wrote. ArtifactError if there is none."""
        return cls.load(bundle.open_folder(folder, KIND).path)


@dataclass(frozen=True)
class AllPairs:
    """U users and A items, and what scores each pair of them."""

    nets: Nets
    users_U: Ints  # user rows
    users: Representations
    items_A: Ints  # item rows, ascending
    items: ItemHalves
    known_UA: sparse.csr_array

    def best(self, some: slice, keep: int) -> GoldStandard:
        """Return the best `keep` items of some of the users."""
        users = Representations(self.users.embedding_ND[some], self.users.wide_N[some])
        positions_UK, logits_UK = best_of_all(self.nets, users, self.items, self.known_UA[some], keep)
        items_UK = np.where(positions_UK >= 0, self.items_A[positions_UK], positions_UK)
        return GoldStandard(self.users_U[some], items_UK.astype(np.int32), logits_UK)

    @property
    def flops_a_pair(self) -> int:
        """Additions and multiplications of RankNet's matrix products, the first layer's being done before."""
        layers = ("second", "third", "output")
        return 2 * sum(int(self.nets.weights[f"rank_net.{layer}.weight"].size) for layer in layers)

    def identity(self, keep: int) -> str:
        """Return a name for what is computed, made from all that it depends on."""
        known = self.known_UA.indptr, self.known_UA.indices
        parts = (*vars(self.users).values(), *vars(self.items).values(), *known, self.users_U, self.items_A)
        weights = (self.nets.weights[name] for name in sorted(self.nets.weights))
        return digest_of(f"{keep} {USERS} {self.known_UA.shape}", (*parts, *weights))


def best_of_all(
    nets: Nets, users: Representations, items: ItemHalves, known_UA: sparse.csr_array, keep: int
) -> tuple[Ints, Floats]:
    """Return each user's best `keep` positions among A items and their logits, best first: both (U, keep).

    It is `top_k` of the logits of all pairs, those in `known_UA` left out: ties go to the lower position,
    and where items run out the rest is `NO_ITEM` and −inf.

    Raises:
        ValueError: a logit is not a number.
    """
    best_UK = np.broadcast_to(NOTHING, (len(users), keep))
    known = known_UA.tocsc()
    for start in range(0, len(items.wide_N), ITEMS):
        block = slice(start, start + ITEMS)
        logits_UB = nets.every_logit(users, ItemHalves(items.half_NL[block], items.wide_N[block]))
        if np.isnan(logits_UB).any():
            raise ValueError("gold standard: expected logits that can be ordered, received NaN.")
        known_of_block = known[:, block].tocoo()
        logits_UB[known_of_block.coords] = -np.inf
        keys_UB = falling(logits_UB, np.arange(start, start + logits_UB.shape[1]))
        best_UK = _first(np.hstack([best_UK, keys_UB]), keep)
    best_UK = np.sort(best_UK, axis=1)
    logits_UK = scores_of(best_UK)
    return np.where(np.isneginf(logits_UK), NO_ITEM, numbers_of(best_UK)), logits_UK


def write_gold(pairs: AllPairs, keep: int, out: Path, *, facts: dict[str, Any]) -> Folder:
    """Write the gold standard of all the users as the folder `out`; `facts` go into its manifest.

    What a run that was stopped had found is used again, if it asked for the same.

    Raises:
        ArtifactError: something else is at `out`, or another process is writing there.
    """
    out = out.absolute()
    with bundle.writing(out, KIND, facts=facts) as folder:
        parts = out.with_name(f".{out.name}.parts")
        facts[IDENTITY] = pairs.identity(keep)
        work = parts / facts[IDENTITY]
        _remove_others(work)
        facts |= _find(pairs, keep, work)
        _join(work, folder)
    shutil.rmtree(parts)
    return bundle.open_folder(out, KIND)


def _find(pairs: AllPairs, keep: int, work: Path) -> dict[str, Any]:
    """Write a file for each block of users that has none yet, and return what was done how fast."""
    work.mkdir(parents=True, exist_ok=True)
    U, A = len(pairs.users_U), len(pairs.items_A)
    missing = [first for first in range(0, U, USERS) if not _part(work, first).exists()]
    wall, cpu, users = time.perf_counter(), time.process_time(), 0
    for first in track(missing, f"gold standard, {USERS} × {A:,} pairs a step"):
        best = pairs.best(slice(first, first + USERS), keep)
        with replacing(_part(work, first)) as partial, partial.open("wb") as stream:
            np.savez(stream, **vars(best))
        users += len(best.users_U)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    scored = users * A
    return {
        "users": U,
        "items": A,
        "kept": keep,
        "pairs": U * A,
        "flops_a_pair": pairs.flops_a_pair,
        "last_run": {"pairs": scored, "seconds": wall, "cpu_seconds": cpu, "pairs_a_second": scored / wall},
    }


def _join(work: Path, folder: Path) -> None:
    """Write the files of all blocks, one behind the other, as one."""
    for field in fields(GoldStandard):
        with GrowingArray(folder / f"{field.name}.npy") as joined:
            for part in _parts(work):
                with np.load(part) as arrays:
                    joined.append(arrays[field.name])


def _first(keys_UB: Ints, count: int) -> Ints:
    """Return the `count` lowest of each row, in any order. The row is longer."""
    keys_UB.partition(count - 1, axis=1)
    return keys_UB[:, :count]


def _part(work: Path, first: int) -> Path:
    return work / f"{first:09d}.npz"


def _parts(work: Path) -> Iterator[Path]:
    yield from sorted(work.glob("[0-9]*.npz"))


def _remove_others(work: Path) -> None:
    """Remove what was begun for the same place and is something else."""
    for other in work.parent.glob("*") if work.parent.is_dir() else ():
        if other != work:
            shutil.rmtree(other)
