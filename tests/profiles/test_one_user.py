"""One user's profile from columns: worked out by hand, and the same however values are laid out."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dlrs.profiles.one_user import Encounters, Packed, Single, summarise
from dlrs.schema import Features

FEATURES = Features.model_validate({"categorical": ["fuel", "make"], "continuous": {"price": {}}})
NAMES = [("fuel", "DIESEL"), ("fuel", "PETROL"), ("make", "Ford"), ("make", "VW")]
WEIGHT_T = np.array([0.1, 0.7])


def encounters(code_VF: list[list[int]], version_E: list[int], type_E: list[int], single: bool) -> Encounters:
    """Return events; prices are the numbers of the versions, that of version 0 is unknown."""
    codes = np.array(code_VF, dtype=np.int32)
    known_VF = codes >= 0
    starts = np.concatenate(([0], np.cumsum(known_VF.sum(axis=1))))
    packed = Packed(starts, codes[known_VF], np.ones(np.count_nonzero(known_VF)))
    price_V1 = np.arange(len(codes), dtype=np.float64)[:, None]
    price_V1[0] = np.nan
    return Encounters(
        time_E=np.arange(len(version_E)),
        type_E=np.array(type_E, dtype=np.int16),
        version_E=np.array(version_E, dtype=np.int64),
        number_VC=price_V1,
        known_VF=known_VF,
        values=Single(codes) if single else packed,
        names_K=NAMES,
    )


def test_a_profile_worked_out_by_hand() -> None:
    met = encounters([[0, -1], [0, 3], [1, 3]], [0, 1, 1, 2], [0, 1, 0, 0], single=True)
    found = summarise([met], FEATURES, WEIGHT_T)
    assert found.events == 4
    assert found.known == {"fuel": 1.0, "make": 0.75}
    assert found.values == {
        "fuel": {"DIESEL": 0.1 + 0.7 + 0.1, "PETROL": 0.1},
        "make": {"VW": 0.7 + 0.1 + 0.1},
    }
    # prices 1, 1, 2 of weights .7, .1, .1: mean 1 / .9, variance (.8 (1/9)² + .1 (8/9)²) / .9 · 3/2
    mean, deviation = found.numbers["price"]
    np.testing.assert_allclose(mean, 1 / 0.9)
    np.testing.assert_allclose(deviation, np.sqrt((0.8 / 81 + 6.4 / 81) / 0.9 * 1.5))


EVENTS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 1)), min_size=1, max_size=30)


@given(
    st.lists(st.tuples(st.integers(-1, 1), st.sampled_from([-1, 2, 3])), min_size=5, max_size=5),
    EVENTS,
)
def test_both_layouts_give_the_same_bits(codes: list[tuple[int, int]], events: list[tuple[int, int]]) -> None:
    versions, types = [version for version, _ in events], [type for _, type in events]
    one, other = (
        summarise([encounters([*map(list, codes)], versions, types, single)], FEATURES, WEIGHT_T)
        for single in (True, False)
    )
    assert one == other
