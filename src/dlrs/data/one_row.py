"""One row: what a single record has of each discrete feature; `values` says the same of whole tables."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import pyarrow as pa

from dlrs.data.values import values_of
from dlrs.schema import Features, Text

Shares = Mapping[str, float]
"""Values, and how they share the weight of 1 that the feature has; empty: unknown."""

UNKNOWN: Shares = {}


class OneRow:
    """Reads one record at a time. Reading only: shared by threads."""

    def __init__(self, features: Features) -> None:
        self._single, self._several = features.single_valued, tuple(features.multi_valued)
        self._text = tuple(features.text.items())

    def shares(self, raw: Mapping[str, Any]) -> dict[str, Shares]:
        """Return the shares of each discrete feature, in the order of `features.discrete`.

        `raw` holds a text or None for a feature with one value, a list of distinct texts for one with
        several.
        """
        shares: dict[str, Shares] = {}
        for name in self._single:
            value = raw.get(name)
            shares[name] = UNKNOWN if value is None else {value: 1.0}
        for name in self._several:
            values = raw.get(name)
            shares[name] = dict.fromkeys(values, 1.0 / len(values)) if values else UNKNOWN
        for name, settings in self._text:
            text = raw.get(name)
            shares[name] = UNKNOWN if text is None else _hashed(text, settings)
        return shares


@lru_cache(maxsize=10_000)  # versions of one item mostly have the same text
def _hashed(text: str, settings: Text) -> Shares:
    features = Features(text={"text": settings})
    values = values_of(pa.table({"text": pa.array([text], pa.string())}), "text", features)
    return dict(zip(values.value_E.to_pylist(), values.share_E.tolist(), strict=True))
