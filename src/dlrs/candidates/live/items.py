"""LiveItems: items of a live index as arrays: their ids, and what ItemNet made of them.

Ids are text, kept as UTF-8 in a width that the longest of them needs, so that they can be mapped, and found
by bisection. Bytes of UTF-8 sort as the text does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from dlrs.arrays import Floats, Ints, StoredArrays
from dlrs.candidates.metric import lengths
from dlrs.errors import DataError
from dlrs.model.forward import Representations
from dlrs.schema import LONGEST_ID

Ids = NDArray[np.bytes_]

FEW = 100
"""Ids that are looked for as they come: to sort them first takes longer."""


@dataclass(frozen=True)
class LiveItems(StoredArrays):
    """N items."""

    ids_N: Ids
    embedding_ND: Floats
    wide_N: Floats

    @classmethod
    def of(cls, ids: Sequence[str], items: Representations) -> LiveItems:
        """Return items with these ids, each of which is there once.

        Raises:
            DataError: an id is repeated or cannot be kept, see `encoded`; a number is not finite, or its
                square in float32 is not: such an item could never be found.
        """
        ids_N = encoded(ids)
        if len(ids_N) != len(items):
            raise _wrong("an id for each item", f"{len(ids_N)} ids and {len(items)} items")
        if items.embedding_ND.ndim != 2 or items.wide_N.shape != ids_N.shape:
            shapes = f"{items.embedding_ND.shape} and {items.wide_N.shape}"
            raise _wrong("arrays of the shapes (items, coordinates) and (items,)", shapes)
        ascending = np.sort(ids_N)
        repeated = ascending[1:][ascending[1:] == ascending[:-1]]
        if len(repeated):
            raise _wrong("each id once", f"'{repeated[0].decode()}' twice")
        with np.errstate(over="ignore"):
            embedding_ND, wide_N = items.embedding_ND.astype(np.float32), items.wide_N.astype(np.float32)
            finite = np.isfinite(lengths(embedding_ND)).all() and np.isfinite(wide_N).all()
        if not finite:
            raise _wrong("finite numbers", "NaN, infinity, or one whose square is too large for float32")
        return cls(ids_N, embedding_ND, wide_N)

    def __len__(self) -> int:
        return len(self.ids_N)

    @property
    def representations(self) -> Representations:
        """What RankNet needs of them."""
        return Representations(self.embedding_ND, self.wide_N)

    def take(self, rows: Any) -> Self:
        """Return some of them, in the order given."""
        if isinstance(rows, np.ndarray) and rows.dtype == np.int64:  # takes half the time of an index
            ids_B, wide_B = self.ids_N.take(rows), self.wide_N.take(rows)
            return type(self)(ids_B, self.embedding_ND.take(rows, axis=0), wide_B)
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))

    @classmethod
    def concatenate(cls, parts: Sequence[LiveItems]) -> LiveItems:
        """Return the items of all parts, one part after the other."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))


def encoded(ids: Sequence[str]) -> Ids:
    """Return ids as they are kept.

    Raises:
        DataError: one is empty, longer than `LONGEST_ID`, no valid text, or holds the character NUL, which
            would not come back.
    """
    try:
        encoded = [id.encode() for id in ids]
    except UnicodeEncodeError as error:
        raise _wrong("ids that are valid text", f"{error.object!r}, half of a surrogate pair") from error
    if not all(encoded) or b"\0" in b"".join(encoded):
        raise _wrong("ids of one character or more, none of which is NUL", "an id that is not so")
    longest = max(map(len, encoded), default=0)
    if longest > LONGEST_ID:
        raise _wrong(f"ids of {LONGEST_ID} bytes at most", f"one of {longest}")
    return np.array(encoded, dtype=np.bytes_)


def decoded(ids_N: Ids) -> list[str]:
    """Return kept ids as text."""
    # no id holds NUL; to decode one by one takes three times as long, `np.char.decode` nine times
    return b"\0".join(ids_N.tolist()).decode().split("\0") if len(ids_N) else []


def positions_of(sorted_N: Ids, ids_B: Ids) -> Ints:
    """Return where each id stands among ascending ones, −1 for those that are not there."""
    if len(sorted_N) == 0:
        return np.full(len(ids_B), -1, dtype=np.int64)
    # cut to their width: longer ids, which cannot be there, would have numpy copy all of them wider
    cut_B = ids_B.astype(sorted_N.dtype)
    if len(cut_B) < FEW:
        near_B = np.searchsorted(sorted_N, cut_B)
    else:
        order = np.argsort(cut_B)  # neighbours are looked for in the same places of memory: twice as fast
        near_B = np.empty(len(ids_B), dtype=np.int64)
        near_B[order] = np.searchsorted(sorted_N, cut_B[order])
    near_B = np.minimum(near_B, len(sorted_N) - 1)
    return np.where(sorted_N[near_B] == ids_B, near_B, -1)


def _wrong(expected: str, received: str) -> DataError:
    return DataError(
        f"items of a live index: expected {expected}, received {received}. None of them was taken."
    )
