"""The three networks in numpy: what serving runs, without torch.

They are built from the arrays of `Network.state_dict()`, under the same names, and give the same
numbers to about 1e-6. Users × candidates are scored block by block, so that what a block writes
between its two matrix products stays in the processor's cache.

    U users    T candidates of each    N items    L width of RankNet's first layer    W = Σ d_f
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file
from scipy import sparse
from threadpoolctl import ThreadpoolController

from dlrs.arrays import Floats, Ints, StoredArrays
from dlrs.errors import ArtifactError
from dlrs.features.rows import EncodedRows, FeatureSpace, Side
from dlrs.model.prior import Standing

NETS = "nets.safetensors"
SPACE = "space.json"
SIDES: tuple[Side, ...] = ("user", "item")

ROWS = 16_384
"""Rows embedded at a time: bounds the memory for their packed embeddings."""

BLOCK = 512
"""Pairs scored at a time: 512 × 256 float32 twice is 1 MiB, within one core's L2."""

LEAST = -100
"""Where ELU is −1 to the last bit."""

TASK = 16_384
"""Pairs that one thread scores at a stretch. No more than these, as for one user: no threads at all."""


@dataclass(frozen=True)
class Representations(StoredArrays):
    """What RankNet needs of N users or items: e and, apart from it, the scalar of the wide part."""

    embedding_ND: Floats
    wide_N: Floats

    def __len__(self) -> int:
        return len(self.wide_N)

    def take(self, rows: Ints) -> Representations:
        """Return some of them, in the order given."""
        return Representations(self.embedding_ND[rows], self.wide_N[rows])


@dataclass(frozen=True)
class ItemHalves(StoredArrays):
    """The items' share of RankNet's first layer, computed once per item, and their wide scalars."""

    half_NL: Floats
    wide_N: Floats


class Nets:
    """UserNet, ItemNet and RankNet. Reading only: one object may serve many threads."""

    def __init__(self, space: FeatureSpace, weights: Mapping[str, Floats]) -> None:
        self.space = space
        self.weights = weights
        self._positions_W = {side: packed_positions(embedded(space, side)[1]) for side in SIDES}

    def embed_users(self, rows: EncodedRows) -> Representations:
        """Return e_u and the wide scalar of each row; `rows` has 2C continuous inputs, and the users' own."""
        return self._embed("user", rows)

    def embed_items(self, rows: EncodedRows) -> Representations:
        """Return e_v and the wide scalar of each row; `rows` has C continuous inputs."""
        return self._embed("item", rows)

    def placed(self, items: Representations, _standing: Standing) -> Representations:
        """Return items as they stand at a moment: to these networks that says nothing."""
        return items

    def item_halves(self, items: Representations) -> ItemHalves:
        """Return what `logits` needs of each item."""
        return ItemHalves(items.embedding_ND @ self.weights["rank_net.item_first"].T, items.wide_N)

    def logits(self, users: Representations, items: ItemHalves, rows_UT: Ints) -> Floats:
        """Return the logit of each user with each of his T candidates, (U, T); p̂ = σ(logit).

        `rows_UT` holds rows of `items`; a negative one (`arrays.NO_ITEM`) gives −inf.
        """
        U, T = rows_UT.shape
        logits_UT = np.empty((U, T), dtype=np.float32)
        users_a_task = max(1, TASK // max(1, T))
        tasks = [slice(first, first + users_a_task) for first in range(0, U, users_a_task)]

        def score(task: slice) -> None:
            part = Representations(users.embedding_ND[task], users.wide_N[task])
            self._score(part, items, rows_UT[task], logits_UT[task])

        with _blas().limit(limits=1, user_api="blas"):
            if len(tasks) > 1:
                with ThreadPoolExecutor(os.cpu_count()) as threads:
                    list(threads.map(score, tasks))
            elif tasks:
                score(tasks[0])
        logits_UT[rows_UT < 0] = -np.inf
        return logits_UT

    def logits_of_one(self, user: Representations, items: Representations) -> Floats:
        """Return the logit of one user with each of T items that come with the request: (T,).

        What `logits` gives; nothing of the items is worked out beforehand, so that nothing needs gathering.
        """
        logits_T = np.empty(len(items), dtype=np.float32)
        first = self.weights["rank_net.item_first"].T
        with nullcontext() if _has_one_thread() else _blas().limit(limits=1, user_api="blas"):
            user_L = self._user_halves(user)[0]
            for start in range(0, len(items), BLOCK):
                some = slice(start, start + BLOCK)
                hidden_TL = items.embedding_ND[some] @ first
                hidden_TL += user_L
                logits_T[some] = self._deep(hidden_TL)
        logits_T += self._wide(user.wide_N + items.wide_N)
        return logits_T

    def every_logit(self, users: Representations, items: ItemHalves) -> Floats:
        """Return the logit of each user with every item, (U, N): what `logits` gives, without gathering.

        Meant for blocks of a few thousand items: the result is as large as U × N.
        """
        logits_UN = np.empty((len(users), len(items.wide_N)), dtype=np.float32)
        user_UL = self._user_halves(users)

        def score(start: int) -> None:
            some = slice(start, start + BLOCK)
            for user, user_L in enumerate(user_UL):  # the items' halves stay in the cache
                logits_UN[user, some] = self._deep(items.half_NL[some] + user_L)

        with _blas().limit(limits=1, user_api="blas"), ThreadPoolExecutor(os.cpu_count()) as threads:
            list(threads.map(score, range(0, logits_UN.shape[1], BLOCK)))
        logits_UN += self._wide(users.wide_N[:, None] + items.wide_N)
        return logits_UN

    def _score(self, users: Representations, items: ItemHalves, rows_UT: Ints, logits_UT: Floats) -> None:
        U, T = rows_UT.shape
        candidates = max(1, min(T, BLOCK))
        together = BLOCK // candidates
        user_UL = self._user_halves(users)
        for first in range(0, U, together):
            some = slice(first, first + together)
            for start in range(0, T, candidates):
                block = some, slice(start, start + candidates)
                logits_UT[block] = self._block(user_UL[some], users.wide_N[some], items, rows_UT[block])

    def _embed(self, side: Side, rows: EncodedRows) -> Representations:
        if 0 < len(rows) <= ROWS:  # as of a request: nothing is copied
            return Representations(*self._embed_block(side, rows))
        embedding_ND = np.empty((len(rows), self.space.width), dtype=np.float32)
        wide_N = np.empty(len(rows), dtype=np.float32)
        for start in range(0, len(rows), ROWS):
            block = np.arange(start, min(start + ROWS, len(rows)))
            embedding_ND[block], wide_N[block] = self._embed_block(side, rows.take(block))
        return Representations(embedding_ND, wide_N)

    def _embed_block(self, side: Side, rows: EncodedRows) -> tuple[Floats, Floats]:
        of, net = self.weights, f"{side}_net"
        C, W = len(self.space.continuous), sum(self.space.widths_F)
        inputs = C * (2 if side == "user" else 1)
        columns = self.space.columns_of(side)
        bags = _bags(rows, rows.offsets, columns) @ of[f"{net}.table"]
        packed_NW = bags.reshape(len(rows), -1)[:, self._positions_W[side]]
        wide_N1 = _bags(rows, rows.offsets[:: rows.features or 1], columns) @ of[f"{net}.wide"]
        embedding_ND = np.empty((len(rows), self.space.width), dtype=np.float32)
        embedding_ND[:, :C] = rows.continuous_NC[:, :inputs] @ of[f"{net}.continuous.weight"].T
        embedding_ND[:, :C] += of[f"{net}.continuous.bias"]
        embedding_ND[:, C:] = packed_NW[:, :W] + of[f"{net}.bias"]
        if f"{net}.own" in of:
            own_NO = np.hstack([rows.continuous_NC[:, inputs:], packed_NW[:, W:]])
            embedding_ND += own_NO @ of[f"{net}.own"].T
        return elu(embedding_ND), wide_N1[:, 0]

    def _user_halves(self, users: Representations) -> Floats:
        user_UL: Floats = users.embedding_ND @ self.weights["rank_net.user_first"].T
        user_UL += self.weights["rank_net.first_bias"]
        return user_UL

    def _block(self, user_UL: Floats, wide_U: Floats, items: ItemHalves, rows_UT: Ints) -> Floats:
        hidden_UTL = items.half_NL[rows_UT]
        hidden_UTL += user_UL[:, None, :]
        logits_UT = self._deep(hidden_UTL.reshape(-1, user_UL.shape[1])).reshape(rows_UT.shape)
        logits_UT += self._wide(wide_U[:, None] + items.wide_N[rows_UT])
        return logits_UT

    def _deep(self, hidden_PL: Floats) -> Floats:
        """Return the deep part of P logits from the sums of their halves, which are overwritten."""
        of = self.weights
        hidden = elu(hidden_PL)
        for layer in ("rank_net.second", "rank_net.third"):
            hidden = hidden @ of[f"{layer}.weight"].T
            hidden += of[f"{layer}.bias"]
            elu(hidden)
        return np.asarray(hidden @ of["rank_net.output.weight"][0, :-1])

    def _wide(self, wide: Floats) -> Floats:
        """Return the rest of the logits from the sums of the wide scalars."""
        return np.asarray(
            self.weights["rank_net.output.weight"][0, -1] * wide + self.weights["rank_net.output.bias"]
        )


def elu(values: Floats) -> Floats:
    """Replace x by ELU(x) in place: x where positive, else eˣ − 1 (≥ x, so the larger one is right)."""
    below = np.clip(values, LEAST, 0)  # a minimum with a number takes three times as long
    np.exp(below, out=below)
    below -= 1
    return np.maximum(values, below, out=values)


def embedded(space: FeatureSpace, side: Side) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return size and width of each embedding of one side, the users' own behind the shared ones."""
    if side == "item":
        return space.sizes_F, space.widths_F
    return (*space.sizes_F, *space.own_sizes_F), (*space.widths_F, *space.own_widths_F)


def packed_positions(widths_F: Sequence[int]) -> Ints:
    """Return where the used columns lie in packed embeddings put side by side."""
    packed = max(widths_F)
    return np.concatenate([f * packed + np.arange(width) for f, width in enumerate(widths_F)])


def load_nets(folder: Path) -> Nets:
    """Read what `network.save_nets` wrote.

    Raises:
        ArtifactError: the folder holds no networks, or damaged ones.
    """
    try:
        described = json.loads((folder / SPACE).read_text(encoding="utf-8"))
        space = FeatureSpace(**{name: tuple(values) for name, values in described.items()})
        return Nets(space, load_file(folder / NETS))
    except (OSError, ValueError, TypeError, AttributeError, SafetensorError) as error:
        raise ArtifactError(
            f"{folder}: expected networks ({NETS}, {SPACE}), received: {error}. Train them anew."
        ) from error


def write_space(space: FeatureSpace, folder: Path) -> None:
    """Write the shape of the networks beside their weights."""
    (folder / SPACE).write_text(json.dumps(asdict(space), indent=1), encoding="utf-8")


@cache
def _blas() -> ThreadpoolController:
    """Return the control of BLAS's threads; finding the libraries takes 2 ms, so it happens once.

    A block's matrix products are so small that BLAS's own threads wait for one another longer than
    they compute: on a busy machine that made scoring 4 to 20 times slower. So BLAS gets one thread,
    and each of ours its own users.
    """
    return ThreadpoolController()


@cache
def _has_one_thread() -> bool:
    """Tell whether BLAS has one thread anyway, as where a service runs: then nothing needs to be set."""
    return all(library["num_threads"] == 1 for library in _blas().info() if library["user_api"] == "blas")


def _bags(rows: EncodedRows, offsets: Ints, columns: int) -> sparse.csr_array:
    return sparse.csr_array((rows.weights_E, rows.columns_E, offsets), shape=(len(offsets) - 1, columns))
