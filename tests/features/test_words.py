from __future__ import annotations

import numpy as np
import pyarrow as pa

from dlrs.features.encoding import fit_encoding
from dlrs.features.words import item_in_words, profile_in_words
from dlrs.profiles.profile import ProfileFacts, Profiles, ValueCounts
from dlrs.schema import Features

FEATURES = Features(
    continuous={"price": {}, "built": {"kind": "time"}, "unknown": {}}, categorical=("colour", "kind")
)
VERSIONS = pa.table(
    {
        "price": [8500.0, 12_400.0],
        "built": [0.0, 86_400.0 * 365],
        "unknown": pa.nulls(2, pa.float64()),
        "colour": ["red", "blue"],
        "kind": pa.array([None, "car"], pa.string()),
    }
)


def test_a_profile_reads_like_a_sentence() -> None:
    facts = ProfileFacts(
        user_P=np.array([0]),
        period_P=np.array([0]),
        events_P=np.array([1234]),
        known_PF=np.ones((1, 2), dtype=np.float32),
        mean_PC=np.array([[12_345.6, 86_400.0, np.nan]]),
        std_PC=np.array([[2.345, 365.25 * 86_400, np.nan]]),
    )
    counts = {
        "colour": ValueCounts(np.array([0, 0]), pa.array(["blue", "red"]), np.array([1.0, 3.0])),
        "kind": ValueCounts(np.empty(0, dtype=np.int64), pa.array([], pa.string()), np.empty(0)),
    }
    encoding = fit_encoding(FEATURES, VERSIONS, facts)
    profile = encoding.encode_profiles(Profiles(facts, counts))
    assert profile_in_words(facts, profile, 0, encoding, FEATURES) == [
        "1,234 events",
        "price: 12,346 ± 2.35",
        "built: 1970-01-02 ± 1.0 years",
        "colour: red 75%, blue 25%",
    ]


def test_an_item_reads_as_text() -> None:
    item = VERSIONS.to_pylist()[0]
    assert item_in_words(item, FEATURES) == {
        "price": "8,500",
        "built": "1970-01-01",
        "unknown": "–",
        "colour": "red",
        "kind": "–",
    }
