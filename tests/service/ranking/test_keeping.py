from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dlrs.schema import Features
from dlrs.service.ranking.bounded import Bounded
from dlrs.service.ranking.kept import Kept
from dlrs.service.ranking.ordering import best
from dlrs.service.ranking.tombstones import OLDEST, Tombstones
from dlrs.service.seams import Gone, Ranked


class Deletions:
    """Items that went, by the number of the change."""

    def __init__(self) -> None:
        self.seq = 0
        self.log: list[tuple[int, str]] = []

    def delete(self, id: str) -> None:
        self.seq += 1
        self.log.append((self.seq, id))

    def gone(self, after: int) -> Gone:
        return Gone(self.seq, [id for seq, id in self.log if seq > after])


def test_what_went_after_a_list_was_made() -> None:
    source, time = Deletions(), [0.0]
    tombstones = Tombstones(source, lambda: time[0])  # type: ignore[arg-type]
    source.delete("long ago")
    tombstones.follow()
    made = source.seq
    source.delete("a")
    assert not tombstones.is_gone("a", made)  # nobody looked yet
    tombstones.follow()
    assert tombstones.is_gone("a", made)
    assert not tombstones.is_gone("long ago", made)
    assert not tombstones.is_gone("a", source.seq)  # a later list has it: it is there again
    time[0] = 2 * OLDEST + 1
    tombstones.follow()
    assert not tombstones.is_gone("a", made)  # no list is as old


def test_a_list_that_is_kept_before_the_first_look() -> None:
    source = Deletions()
    tombstones = Tombstones(source)  # type: ignore[arg-type]
    tombstones.begin(0)
    source.delete("a")
    tombstones.follow()
    tombstones.begin(7)
    assert tombstones.is_gone("a", 0)
    assert tombstones.mark == 1


def test_the_value_used_longest_ago_makes_room() -> None:
    bounded: Bounded[str, int] = Bounded(2)
    bounded.put("a", 1)
    bounded.put("b", 2)
    assert bounded.get("a") == 1
    bounded.put("c", 3)
    assert (bounded.get("a"), bounded.get("b"), bounded.get("c"), len(bounded)) == (1, None, 3, 2)
    bounded.drop("a")
    assert bounded.get("a") is None


def test_those_with_a_value_come_first() -> None:
    features = Features.model_validate({"categorical": ["fuel"]})
    items = [
        Ranked(id, 0.0, {"fuel": fuel}) for id, fuel in (("1", "A"), ("2", "B"), ("3", None), ("4", "B"))
    ]
    kept = Kept("bundle", 0, items, features)
    assert kept.first("fuel", "B").ids == ["2", "4", "1", "3"]
    assert kept.first("fuel", "B") is kept.first("fuel", "B")


@given(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0]), max_size=30), st.integers(0, 35))
def test_the_best_are_the_head_of_a_full_sort(scores: Sequence[float], k: int) -> None:
    ids = [str(97 * number % 101) for number in range(len(scores))]
    expected = sorted(range(len(scores)), key=lambda place: (-scores[place], ids[place]))[:k]
    assert best(np.array(scores, dtype=np.float32), ids, k).tolist() == expected
