"""Golden lists: what a bundle recommended when it was made, to be asked again wherever it is opened.

Whoever asks is seeded, not real: somebody whose profile is one item of the catalogue, so that no user's data
travels. The answer goes through all that serving does: encoding, UserNet, ItemNet, index, strategy, RankNet.

golden.json    for each who asks: the id of his item, and ids and logits of his list

    U who ask, as many rows of the catalogue    K places of a list
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from dlrs.arrays import NO_ITEM, Floats, Ints
from dlrs.bundle import Folder
from dlrs.candidates.histories import Histories
from dlrs.errors import ArtifactError
from dlrs.features.rows import EncodedRows, FeatureSpace
from dlrs.publishing.published import Published
from dlrs.schema import ITEM

GOLDEN = "golden.json"
ASKERS, PLACES, SEED = 32, 10, 0

CLOSE = 1e-4
"""How far logits may be apart: another processor adds up in another order. Closer ones may change places."""


@dataclass(frozen=True)
class _Lists:
    ids_UK: list[list[str]]
    logits_UK: list[list[float]]


def write_golden(content: Folder) -> None:
    """Ask what is to become a bundle, and write down its answers."""
    published = Published.load(content)
    count = min(ASKERS, published.items.num_rows)
    rows_U = np.sort(np.random.default_rng(SEED).choice(published.items.num_rows, count, replace=False))
    lists = _ask(published, rows_U)
    asked = [
        {"item": item, "ids": ids, "logits": [round(logit, 6) for logit in logits]}
        for item, ids, logits in zip(_ids(published, rows_U), lists.ids_UK, lists.logits_UK, strict=True)
    ]
    (content / GOLDEN).write_text(json.dumps(asked, ensure_ascii=False, indent=1), encoding="utf-8")


def check_golden(bundle: Folder, published: Published) -> int:
    """Ask an opened bundle again, and return how many lists were compared; 0 where an older dlrs kept none.

    Raises:
        ArtifactError: a list is another one than when the bundle was made.
    """
    if not (bundle / GOLDEN).is_file():
        return 0
    golden = json.loads((bundle / GOLDEN).read_text(encoding="utf-8"))
    wanted = pa.array([one["item"] for one in golden], published.items[ITEM].type)
    rows_U = pc.index_in(wanted, value_set=published.items[ITEM]).to_numpy(zero_copy_only=False)
    if np.isnan(rows_U.astype(np.float64)).any():
        raise _other(bundle, "items that are not in its catalogue")
    lists = _ask(published, rows_U.astype(np.int64))
    for one, ids_K, logits_K in zip(golden, lists.ids_UK, lists.logits_UK, strict=True):
        if not _same(one["ids"], np.array(one["logits"]), ids_K, np.array(logits_K)):
            raise _other(bundle, f"another list for whoever likes item '{one['item']}'")
    return len(golden)


def _same(ids_K: list[str], logits_K: Floats, again_K: list[str], others_K: Floats) -> bool:
    """Tell whether two lists are one: what has another place there has the same logit, but for rounding."""
    if len(ids_K) != len(again_K) or not np.allclose(logits_K, others_K, rtol=0, atol=CLOSE):
        return False
    gaps_K = np.abs(np.diff(logits_K, prepend=np.inf, append=-np.inf))
    apart_K = (gaps_K[:-1] > 2 * CLOSE) & (gaps_K[1:] > 2 * CLOSE)
    apart_K[-1:] = False  # what came next may have been as good
    return all(a == b for a, b, apart in zip(ids_K, again_K, apart_K, strict=True) if apart)


def _ask(published: Published, rows_U: Ints) -> _Lists:
    items = published.encoding.encode_items(published.items.take(pa.array(rows_U)))
    ones_U, places_U = np.ones(len(rows_U), dtype=np.float32), np.arange(len(rows_U))
    shape = (len(rows_U), published.items.num_rows)
    ranking = published.recommender.recommend_to(
        as_profiles(items, published.encoding.space),
        PLACES,
        known_UN=sparse.csr_array((ones_U, (places_U, rows_U)), shape=shape),
        histories=Histories(np.arange(len(rows_U) + 1), places_U, ones_U, items),
    )
    found = [row_K[row_K != NO_ITEM] for row_K in ranking.items_UK]
    logits = [row_K[: len(rows_K)].tolist() for rows_K, row_K in zip(found, ranking.scores_UK, strict=True)]
    return _Lists([_ids(published, rows_K) for rows_K in found], logits)


def as_profiles(items: EncodedRows, space: FeatureSpace) -> EncodedRows:
    """Return the profiles of users who met one item each, and of whom nothing else is known."""
    numbers_NC = np.hstack([items.continuous_NC, np.zeros_like(items.continuous_NC)])
    profiles = EncodedRows(numbers_NC, items.offsets, items.columns_E, items.weights_E)
    if not (space.own_continuous or space.own_categorical):
        return profiles
    own = FeatureSpace(space.own_continuous, space.own_categorical, space.own_sizes_F)
    return profiles.beside(EncodedRows.blank(len(items), own, side="item"), space)


def _ids(published: Published, rows: Ints) -> list[str]:
    return list(map(str, published.items[ITEM].take(pa.array(rows)).to_pylist()))


def _other(bundle: Folder, received: str) -> ArtifactError:
    return ArtifactError(
        f"{bundle.path}: expected the lists that it gave when it was made ({GOLDEN}), received {received}. "
        "Publish it anew; if that does not help, the libraries here (faiss, numpy) reckon otherwise."
    )
