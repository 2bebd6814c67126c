"""Values: what each row of a table has of a feature, in long form.

A categorical feature has one value a row, a multi-valued one several, and a text as many as it has
distinct words and runs of words. The values of one row share a weight of 1 equally, so that an ad
with twenty tags says no more about its user than one with two.

    E entries
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dlrs.arrays import Columns as Codes
from dlrs.arrays import Doubles, Ints, distinct, gather_ranges
from dlrs.schema import Features, Text

NO_WORD = r"[^\p{L}\p{N}]+"
"""What separates words: anything but letters and digits of any script."""


class ColumnTable(Protocol):
    """A table, in memory or on disk (`data.versions`)."""

    @property
    def num_rows(self) -> int:
        """Rows."""
        ...

    def __getitem__(self, name: str) -> pa.ChunkedArray:
        """Return a column."""
        ...


@dataclass(frozen=True)
class Values:
    """The values of one feature: rows ascending, each value once a row, shares of a row sum to 1."""

    row_E: Ints
    code_E: Codes  # position in `values_X`
    share_E: Doubles
    values_X: pa.Array  # text, never null, each of them somewhere in the table: lexicographic

    @property
    def value_E(self) -> pa.Array:
        """The values themselves."""
        return self.values_X.take(pa.array(self.code_E))


def values_of(table: ColumnTable, name: str, features: Features) -> Values:
    """Return the values that each row of `table` has of the discrete feature `name`."""
    column = table[name]
    if name in features.text:
        row_E, code_E, values_X = _hashed(column, features.text[name])
    elif name in features.multi_valued:
        row_E, value_E = _flat(column)
        code_E, values_X = coded(value_E)
    else:
        code_N, values_X = coded(column)
        row_E = np.flatnonzero(code_N >= 0)
        code_E = code_N[row_E]
    return Values(row_E, code_E, 1.0 / np.bincount(row_E)[row_E] if len(row_E) else np.empty(0), values_X)


def coded(texts: pa.Array | pa.ChunkedArray) -> tuple[Codes, pa.Array]:
    """Return the code of each text, −1 where there is none, and what the codes mean: texts in order."""
    if not pa.types.is_dictionary(texts.type):
        texts = texts.dictionary_encode()
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.unify_dictionaries().combine_chunks()
    code_N: Codes = texts.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    known = texts.dictionary
    occurs = np.zeros(len(known) + 1, dtype=np.bool_)
    occurs[code_N] = True
    in_order = pc.sort_indices(known).to_numpy()
    in_order = in_order[occurs[in_order]]
    rank = np.full(len(known) + 1, -1, dtype=np.int32)  # the last one for −1
    rank[in_order] = np.arange(len(in_order), dtype=np.int32)
    return rank[code_N], known.take(pa.array(in_order))


def positions_of(values_X: pa.Array, among: pa.Array) -> Codes:
    """Return where each text stands among others, −1 if nowhere: (X,)."""
    found: Codes = pc.index_in(values_X, value_set=among).fill_null(-1).to_numpy(zero_copy_only=False)
    return found


def numbers_of(table: ColumnTable, features: Features) -> Doubles:
    """Return the continuous features side by side as the model sees them: (N, C), NaN where missing."""
    numbers = np.empty((table.num_rows, len(features.continuous)))
    for column, name in enumerate(features.continuous):
        numbers[:, column] = number_of(table, name, features)
    return numbers


def number_of(table: ColumnTable, name: str, features: Features) -> Doubles:
    """Return one continuous feature as the model sees it: (N,), NaN where missing."""
    number_N: Doubles = table[name].cast(pa.float64()).fill_null(np.nan).to_numpy()
    return np.log1p(number_N) if features.continuous[name].transform == "log" else number_N


def _flat(lists: pa.Array | pa.ChunkedArray) -> tuple[Ints, pa.ChunkedArray]:
    """Return the entries of all lists, and the row of each. Chunk by chunk: of text 2 GiB fit into one."""
    chunks = lists.chunks if isinstance(lists, pa.ChunkedArray) else [lists]
    firsts = np.cumsum([0, *(len(chunk) for chunk in chunks)])
    rows = [pc.list_parent_indices(c).to_numpy() + first for c, first in zip(chunks, firsts, strict=False)]
    entries = pa.chunked_array([chunk.flatten() for chunk in chunks], lists.type.value_type)
    return np.concatenate([np.empty(0, dtype=np.int64), *rows]), entries


def _hashed(texts: pa.ChunkedArray, settings: Text) -> tuple[Ints, Codes, pa.Array]:
    """Return the buckets of each text's words and of its runs of up to `ngrams` words.

    A text that occurs in many rows, as in all versions of an item, is taken apart once.
    """
    text_N, texts_T = coded(texts)
    of_text_K, bucket_K = _hashed_texts(texts_T, settings)
    places_T = np.searchsorted(of_text_K, np.arange(len(texts_T) + 1))
    row_R = np.flatnonzero(text_N >= 0)
    starts_R, lengths_R = places_T[text_N[row_R]], np.diff(places_T)[text_N[row_R]]
    occurs, code_K = np.unique(bucket_K, return_inverse=True)
    digits = len(str(settings.buckets - 1))  # so that the order of text is the order of numbers
    values_X = pa.array([f"{bucket:0{digits}d}" for bucket in occurs.tolist()], pa.string())
    code_E = code_K.astype(np.int32)[gather_ranges(starts_R, lengths_R)]
    return np.repeat(row_R, lengths_R), code_E, values_X


def _hashed_texts(texts: pa.Array, settings: Text) -> tuple[Ints, Ints]:
    """Return the distinct buckets of each text, ascending by (text, bucket)."""
    row_W, word_W = _flat(pc.split_pattern_regex(pc.utf8_lower(texts), NO_WORD))
    word_W = word_W.combine_chunks()
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
    keys = distinct(np.concatenate(rows) * settings.buckets + np.concatenate(buckets))
    return keys // settings.buckets, keys % settings.buckets


def _buckets(words: pa.Array, buckets: int) -> Ints:
    """Return the bucket of each word: CRC-32, the same on every machine and for ever."""
    coded_W = words.dictionary_encode()
    hashes = [zlib.crc32(word.encode()) % buckets for word in coded_W.dictionary.to_pylist()]
    codes: Ints = coded_W.indices.to_numpy()
    return np.array(hashes, dtype=np.int64)[codes] if hashes else np.empty(0, dtype=np.int64)
