from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlrs.data import versions as data_versions
from dlrs.data.versions import Versions
from dlrs.features.encoding import Encoding, Scaler, fit_encoding
from dlrs.features.rows import EncodedRows, FeatureSpace
from dlrs.features.similarity import raw_cosine
from dlrs.profiles.profile import ProfileFacts, Profiles, ValueCounts
from dlrs.schema import Features
from packed import check_packed

FEATURES = Features(continuous={"price": {}}, categorical=("colour", "kind"))
VERSIONS = pa.table(
    {
        "price": pa.array([10.0, 20.0, None, 30.0]),
        "colour": pa.array(["red", "blue", None, "red"]),
        "kind": pa.array(["car", "car", "bus", None]),
    }
)


def _profiles(*users: dict[str, dict[str, float]], mean: float = 20.0, std: float = 5.0) -> Profiles:
    """Profiles given as feature → value → weight."""
    P = len(users)
    counts = {}
    for name in FEATURES.categorical:
        entries = [(p, v, w) for p, user in enumerate(users) for v, w in user.get(name, {}).items()]
        counts[name] = ValueCounts(
            np.array([p for p, _, _ in entries], dtype=np.int64),
            pa.array([v for _, v, _ in entries], pa.string()),
            np.array([w for _, _, w in entries], dtype=np.float64),
        )
    facts = ProfileFacts(
        user_P=np.arange(P),
        period_P=np.zeros(P, dtype=np.int64),
        events_P=np.full(P, 3),
        known_PF=np.ones((P, 2), dtype=np.float32),
        mean_PC=np.full((P, 1), mean),
        std_PC=np.full((P, 1), std),
    )
    return Profiles(facts, counts)


USERS = _profiles({"colour": {"red": 3, "blue": 1}, "kind": {"car": 2}}, {"colour": {"green": 5}})


@pytest.fixture
def encoding() -> Encoding:
    return fit_encoding(FEATURES, VERSIONS, USERS.facts)


def test_the_vocabulary_is_lexicographic(encoding: Encoding) -> None:
    assert {name: v.to_pylist() for name, v in encoding.vocabularies.items()} == {
        "colour": ["blue", "red"],
        "kind": ["bus", "car"],
    }
    assert encoding.space == FeatureSpace(("price",), ("colour", "kind"), (2, 2))


def test_items_are_one_hot_and_z_normalised(encoding: Encoding) -> None:
    items = encoding.encode_items(VERSIONS)
    check_packed(items, encoding.space)
    # prices 10, 20, 30: mean 20, sample deviation 10; missing → 0. Columns: price, blue, red, bus, car
    expected = [[-1, 0, 1, 0, 1], [0, 1, 0, 0, 1], [0, 0, 0, 1, 0], [1, 0, 1, 0, 0]]
    assert items.matrix(encoding.space, side="item").toarray().tolist() == expected


def test_users_are_one_many_over_the_known_values(encoding: Encoding) -> None:
    users = encoding.encode_profiles(USERS)
    check_packed(users, encoding.space)
    # green is no value of the vocabulary: an all-zero block. Both means are alike: z = 0
    assert users.matrix(encoding.space, side="user").toarray().tolist() == [[0, 0.25, 0.75, 0, 1], [0] * 5]
    assert users.continuous_NC.shape == (2, 2)  # means ⊕ standard deviations


def test_online_is_offline(encoding: Encoding, tmp_path: Path) -> None:
    """One item, one profile, encoded alone after a trip through the disk, give the batch's rows."""
    encoding.save(tmp_path / "encoding.json")
    online = Encoding.load(tmp_path / "encoding.json")
    batch = encoding.encode_items(VERSIONS)
    for row in range(len(VERSIONS)):
        _assert_equal(online.encode_items(VERSIONS.slice(row, 1)), batch.take(np.array([row])))
    one = _profiles({"kind": {"car": 2}, "colour": {"blue": 1, "red": 3}})
    _assert_equal(online.encode_profiles(one), encoding.encode_profiles(USERS).take(np.array([0])))


def test_a_feature_never_known_keeps_an_empty_column() -> None:
    versions = VERSIONS.set_column(1, "colour", pa.nulls(4, pa.string()))
    encoding = fit_encoding(FEATURES, versions, USERS.facts)
    assert encoding.space.sizes_F == (1, 2)
    assert (
        encoding.encode_items(versions).matrix(encoding.space, side="item").toarray()[:, 1].tolist()
        == [0] * 4
    )


def test_a_constant_and_an_unknown_number_become_zero() -> None:
    values = np.full((20, 2), 0.1)  # twenty times 0.1 is not 2: the deviation is rounding
    values[:, 1] = np.nan
    scaler = Scaler.fit(values.T)
    assert scaler.apply(values).tolist() == [[0, 0]] * 20
    assert scaler.apply(np.array([[900_000.0, 1.0]])).tolist() == [[0, 0]]  # it never told anything


def test_a_constant_survives_the_disk(tmp_path: Path) -> None:
    encoding = fit_encoding(FEATURES, VERSIONS.slice(0, 1), USERS.facts)
    encoding.save(tmp_path / "encoding.json")
    loaded = Encoding.load(tmp_path / "encoding.json")
    assert np.isinf(loaded.items.scaler.std_C).all()
    assert loaded.hash == encoding.hash != fit_encoding(FEATURES, VERSIONS, USERS.facts).hash


def test_widths_are_the_logarithm_of_the_sizes() -> None:
    space = FeatureSpace(("a", "b"), ("f", "g", "h", "i"), (1, 2, 200, 1024))
    assert space.widths_F == (1, 1, 8, 10)
    assert space.width == 2 + 20
    assert space.starts_F.tolist() == [0, 1, 3, 203, 1227]


def test_raw_cosine_by_hand(encoding: Encoding) -> None:
    users, items = encoding.encode_profiles(USERS), encoding.encode_items(VERSIONS)
    # user 0 = (0, ¼, ¾, 0, 1), item 1 = (0, 1, 0, 0, 1): 1.25 / (√(0.625 + 1) · √2); user 1 is all zeros
    cosine = raw_cosine(users, items, encoding.space, np.array([0, 1]), np.array([1, 1]))
    np.testing.assert_allclose(cosine, [1.25 / (1.625**0.5 * 2**0.5), 0], rtol=1e-6)


@given(st.data())
def test_take_and_concatenate_agree_with_the_dense_rows(data: st.DataObject) -> None:
    space = FeatureSpace(("x",), ("f", "g"), (3, 2))
    N = data.draw(st.integers(1, 5))
    dense = np.array(
        data.draw(st.lists(st.lists(st.integers(0, 2), min_size=5, max_size=5), min_size=N, max_size=N))
    )
    bags = [row[part] for row in dense for part in (slice(0, 3), slice(3, 5))]
    columns = [np.flatnonzero(bag) + (3 * (i % 2)) for i, bag in enumerate(bags)]
    rows = EncodedRows(
        continuous_NC=np.arange(N, dtype=np.float32)[:, None],
        offsets=np.concatenate([[0], np.cumsum([len(c) for c in columns])]),
        columns_E=np.concatenate(columns).astype(np.int32),
        weights_E=dense[dense > 0].astype(np.float32),
    )
    check_packed(rows, space)
    chosen = np.array(data.draw(st.lists(st.integers(0, N - 1), max_size=6)), dtype=np.int64)
    taken = rows.take(chosen)
    check_packed(taken, space)
    expected = np.column_stack([chosen, dense[chosen]])
    assert taken.matrix(space, side="item").toarray().tolist() == expected.tolist()
    twice = EncodedRows.concatenate([taken, EncodedRows.blank(1, space, side="item"), taken])
    check_packed(twice, space)
    assert twice.matrix(space, side="item").toarray().tolist() == [
        *expected.tolist(),
        [0] * 6,
        *expected.tolist(),
    ]


def _assert_equal(one: EncodedRows, other: EncodedRows) -> None:
    for name in ("continuous_NC", "offsets", "columns_E", "weights_E"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.parametrize("group", [1, 3, 100])
def test_versions_written_in_parts_are_those_encoded_at_once(
    encoding: Encoding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: int
) -> None:
    monkeypatch.setattr(data_versions, "GROUP", group)
    stored = Versions.write(VERSIONS, tmp_path / "versions.parquet")
    written, whole = encoding.write_items(stored, tmp_path / "encoded"), encoding.encode_items(VERSIONS)
    assert written.offsets.dtype == np.int32
    for name in ("continuous_NC", "offsets", "columns_E", "weights_E"):
        np.testing.assert_array_equal(getattr(written, name), getattr(whole, name), err_msg=name)
    rows = np.array([3, 0, 3])
    for name in ("continuous_NC", "offsets", "columns_E", "weights_E"):
        np.testing.assert_array_equal(getattr(written.take(rows), name), getattr(whole.take(rows), name))
