"""Values: what each row of a table has of a feature, in long form.

A categorical feature has one value a row, a multi-valued one several, and a text as many as it has
distinct words and runs of words. The values of one row share a weight of 1 equally, so that an ad
with twenty tags says no more about its user than one with two.

    E entries
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dlrs.arrays import Doubles, Ints
from dlrs.schema import Features, Text

NO_WORD = r"[^\p{L}\p{N}]+"
"""What separates words: anything but letters and digits of any script."""


@dataclass(frozen=True)
class Values:
    """The values of one feature: rows ascending, each value once a row, shares of a row sum to 1."""

    row_E: Ints
    value_E: pa.Array  # text, never null
    share_E: Doubles


def values_of(table: pa.Table, name: str, features: Features) -> Values:
    """Return the values that each row of `table` has of the discrete feature `name`."""
    column = table[name].combine_chunks()
    if name in features.text:
        row_E, value_E = _hashed(column, features.text[name])
    elif name in features.multi_valued:
        row_E, value_E = _flat(column)
    else:
        row_E = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
        value_E = column.drop_null()
    return Values(row_E, value_E, 1.0 / np.bincount(row_E)[row_E] if len(row_E) else np.empty(0))


def numbers_of(table: pa.Table, features: Features) -> Doubles:
    """Return the continuous features side by side as the model sees them: (N, C), NaN where missing."""
    numbers = np.empty((table.num_rows, len(features.continuous)))
    for column, (name, feature) in enumerate(features.continuous.items()):
        numbers[:, column] = table[name].cast(pa.float64()).fill_null(np.nan).to_numpy()
        if feature.transform == "log":
            np.log1p(numbers[:, column], out=numbers[:, column])
    return numbers


def _flat(lists: pa.ListArray) -> tuple[Ints, pa.Array]:
    return pc.list_parent_indices(lists).to_numpy().astype(np.int64), lists.flatten()


def _hashed(texts: pa.Array, settings: Text) -> tuple[Ints, pa.Array]:
    """Return the buckets of each text's words and of its runs of up to `ngrams` words."""
    row_W, word_W = _flat(pc.split_pattern_regex(pc.utf8_lower(texts), NO_WORD))
    filled = pc.not_equal(word_W, "")
    row_W, word_W = row_W[filled.to_numpy(zero_copy_only=False)], word_W.filter(filled)
    rows, buckets = [row_W], [_buckets(word_W, settings.buckets)]
    grams = word_W
    for length in range(2, settings.ngrams + 1):
        starts = max(0, len(word_W) - length + 1)
        grams = pc.binary_join_element_wise(grams[:starts], word_W[length - 1 :], " ")
        inside = row_W[:starts] == row_W[length - 1 :]
        rows.append(row_W[:starts][inside])
        buckets.append(_buckets(grams, settings.buckets)[inside])
    keys = np.unique(np.concatenate(rows) * settings.buckets + np.concatenate(buckets))
    digits = len(str(settings.buckets - 1))  # so that the order of text is the order of numbers
    names = pa.array([f"{bucket:0{digits}d}" for bucket in range(settings.buckets)], pa.string())
    return keys // settings.buckets, names.take(pa.array(keys % settings.buckets))


def _buckets(words: pa.Array, buckets: int) -> Ints:
    """Return the bucket of each word: CRC-32, the same on every machine and for ever."""
    distinct = words.dictionary_encode()
    hashes = [zlib.crc32(word.encode()) % buckets for word in distinct.dictionary.to_pylist()]
    codes: Ints = distinct.indices.to_numpy()
    return np.array(hashes, dtype=np.int64)[codes] if hashes else np.empty(0, dtype=np.int64)
