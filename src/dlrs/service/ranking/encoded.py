"""Encoded: the profile of a decision as bytes, and read back for another bundle."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import orjson
import pyarrow as pa
from safetensors.numpy import load

from dlrs.arrays import Doubles
from dlrs.features.encoding import Encoding
from dlrs.features.rows import EncodedRows
from dlrs.model.forward import Representations
from dlrs.service.seams import Number, Profile

NAMES = tuple(field.name for field in fields(EncodedRows))
KINDS = {"<f4": "F32", "<f8": "F64", "<i4": "I32", "<i8": "I64"}
"""What numpy and safetensors call the same."""


USER = "user"


def decode(rows: EncodedRows, encoding: Encoding) -> Profile:
    """Return a profile that another encoding can take: shares in place of counts, features of the user's own
    left out. Numbers that were not known are average.
    """
    means_C, stds_C = np.split(_unscaled(rows, encoding), 2)
    names = encoding.items.features.continuous
    numbers = {n: Number(m, s) for n, m, s in zip(names, means_C, stds_C, strict=True) if np.isfinite(m + s)}
    values = {name: _shares(rows, feature, encoding) for feature, name in enumerate(encoding.vocabularies)}
    return Profile(None, "", 1, {}, {name: found for name, found in values.items() if found}, numbers, (), ())


def to_bytes(rows: EncodedRows, user: Representations | None = None) -> bytes:
    """Return an encoded profile as safetensors, and e_u where that does not follow from the profile.

    `safetensors.numpy.save` takes four times as long.
    """
    arrays = [(name, np.ascontiguousarray(getattr(rows, name))) for name in NAMES]
    arrays += [] if user is None else [(USER, user.embedding_ND)]
    arrays.sort(key=lambda named: -named[1].itemsize)  # each begins at a multiple of its size
    told, at = {}, 0
    for name, array in arrays:
        told[name] = {
            "dtype": KINDS[array.dtype.str],
            "shape": array.shape,
            "data_offsets": (at, at + array.nbytes),
        }
        at += array.nbytes
    head = orjson.dumps(told)
    head += b" " * (-len(head) % 8)
    return b"".join((len(head).to_bytes(8, "little"), head, *(array.tobytes() for _, array in arrays)))


def from_bytes(content: bytes) -> tuple[EncodedRows, Representations | None]:
    """Read what `to_bytes` wrote."""
    arrays = load(content)
    embedding_1D = arrays.pop(USER, None)
    rows = EncodedRows(**arrays)
    if embedding_1D is None:
        return rows, None
    return rows, Representations(embedding_1D, np.zeros(1, dtype=np.float32))


def _unscaled(rows: EncodedRows, encoding: Encoding) -> Doubles:
    scaler = encoding.profile_scaler
    std_C = np.where(np.isfinite(scaler.std_C), scaler.std_C, np.nan)
    unscaled_C: Doubles = rows.continuous_NC[0, : len(std_C)] * std_C + scaler.mean_C
    return unscaled_C


def _shares(rows: EncodedRows, feature: int, encoding: Encoding) -> dict[str, float]:
    bag = slice(rows.offsets[feature], rows.offsets[feature + 1])
    codes = rows.columns_E[bag] - encoding.space.starts_F[feature]
    values = list(encoding.vocabularies.values())[feature].take(pa.array(codes)).to_pylist()
    return dict(zip(values, rows.weights_E[bag].tolist(), strict=True))
