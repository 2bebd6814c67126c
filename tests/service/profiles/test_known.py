"""What a user ever met, kept as bytes, is the texts that it was."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dlrs.candidates.filtering.columns import as_texts
from dlrs.service.profiles.known import KnownIds

IDS = st.lists(st.text(min_size=1, max_size=4), unique=True, max_size=6)


@given(IDS, IDS)
def test_it_is_each_id_once_in_order(past: list[str], later: list[str]) -> None:
    known = KnownIds(as_texts(past), later)
    expected = [*past, *(id for id in later if id not in past)]
    assert known == expected
    assert len(known) == len(expected)
    assert [known[place] for place in range(len(expected))] == expected
    assert known[1:] == expected[1:]
    assert all(id in known for id in expected)
