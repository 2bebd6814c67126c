"""Any split, order or merge tree of the events gives the same profile, which is the batch learner's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlrs.profiles.summary import Door, Event, Summary, UserSummary, merge, merge_types
from dlrs.recipe import Recipe
from learning import learned

START = datetime(2020, 1, 6, tzinfo=UTC)
DAY = timedelta(days=1)
WEIGHTS = {"view": 2.0, "contact": 10.0}
PRICES = (None, -3.5, 0.0, 0.1, 1e3, 1.5e9, 1.5e9 + 1)


@st.composite
def _logs(draw: st.DrawFn) -> list[Event]:
    """Up to 30 events of six days; colours come with a half share of red where they are two."""
    colours = st.sampled_from(((), (("red", 1.0),), (("blue", 1.0),), (("blue", 0.5), ("red", 0.5))))
    count = draw(st.integers(1, 30))
    return [
        Event(
            id=f"e{i}",
            time=START + timedelta(hours=draw(st.integers(0, 6 * 24 - 1))),
            type=draw(st.sampled_from(sorted(WEIGHTS))),
            discrete={"colour": draw(colours)},
            continuous={"price": draw(st.sampled_from(PRICES))},
        )
        for i in range(count)
    ]


def _added_up(events: Sequence[Event]) -> UserSummary:
    summary = UserSummary(START, DAY)
    for event in events:
        summary.add(event)
    return summary


def _profile(summary: UserSummary) -> Summary:
    return merge_types(summary.window(START + DAY, START + 5 * DAY), WEIGHTS)


def _assert_same(one: Summary, other: Summary) -> None:
    assert (one.events, one.weight, one.known, one.shares) == (
        other.events,
        other.weight,
        other.known,
        other.shares,
    )
    assert one.moments.keys() == other.moments.keys()
    for name, moments in one.moments.items():
        theirs = other.moments[name]
        assert (moments.n, moments.min, moments.max) == (theirs.n, theirs.min, theirs.max)
        # rounding errors are as large as the numbers that took part, not as what is left of them
        spread = moments.max - moments.min
        for power, (mine, his) in enumerate(zip(astuple(moments)[1:6], astuple(theirs)[1:6], strict=True)):
            size = moments.weight * max(spread, 1e-7 * abs(moments.max)) ** max(power, 1)
            assert mine == pytest.approx(his, rel=1e-9, abs=1e-9 * size)


@settings(deadline=None)
@given(_logs(), st.randoms(use_true_random=False))
def test_the_order_of_events_does_not_matter(log: list[Event], random: Any) -> None:
    shuffled = random.sample(log, len(log))
    _assert_same(_profile(_added_up(log)), _profile(_added_up(shuffled)))


@settings(deadline=None)
@given(_logs(), st.data())
def test_nor_does_any_split_or_merge_tree(log: list[Event], data: st.DataObject) -> None:
    parts = [_added_up([event]) for event in log]
    while len(parts) > 1:
        one = parts.pop(data.draw(st.integers(0, len(parts) - 1)))
        other = parts.pop(data.draw(st.integers(0, len(parts) - 1)))
        parts.append(merge(one, other))
    whole = _added_up(log)
    assert parts[0].buckets.keys() == whole.buckets.keys()
    for key, summary in whole.buckets.items():
        _assert_same(parts[0].buckets[key], summary)
    _assert_same(_profile(parts[0]), _profile(whole))


@settings(deadline=None)
@given(_logs(), st.data())
def test_repeated_and_late_events_are_counted_once_in_their_own_day(
    log: list[Event], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(log), max_size=20))
    arriving = data.draw(st.permutations(log + again))
    door, here, there = Door(), UserSummary(START, DAY), UserSummary(START, DAY)
    for event in arriving:  # one door, two stores behind it
        for admitted in door.admit([event]):
            data.draw(st.sampled_from((here, there))).add(admitted)
    _assert_same(_profile(merge(here, there)), _profile(_added_up(log)))


def test_per_type_and_merged_by_hand() -> None:
    seen = Event("1", START, "view", {"colour": [("red", 1.0)]}, {"price": 100.0})
    summary = _added_up(
        [
            seen,
            replace(seen, id="2", type="contact", discrete={"colour": [("blue", 0.5), ("red", 0.5)]}),
            replace(seen, id="3", time=START + DAY, discrete={"colour": []}, continuous={"price": 200.0}),
            replace(seen, id="4", time=START + 2 * DAY),
        ]
    )
    by_type = summary.window(START, START + 2 * DAY)
    assert by_type["view"].events == 2
    assert by_type["view"].known_share("colour") == 0.5
    assert by_type["view"].frequencies("colour") == {"red": 1.0}
    assert by_type["view"].moments["price"].mean == 150
    merged = merge_types(by_type, WEIGHTS)
    assert (merged.events, merged.weight) == (3, 2 + 2 + 10)
    assert merged.frequencies("colour") == pytest.approx({"red": 7 / 12, "blue": 5 / 12})
    assert merged.moments["price"].mean == pytest.approx((12 * 100 + 2 * 200) / 14)
    summary.forget(START + 2 * DAY)
    assert summary.window(START, START + 3 * DAY)["view"].events == 1


def test_windows_of_half_buckets_and_other_buckets_are_refused() -> None:
    with pytest.raises(ValueError, match="whole buckets"):
        UserSummary(START, DAY).window(START, START + DAY / 2)
    with pytest.raises(ValueError, match="expected buckets"):
        merge(UserSummary(START, DAY), UserSummary(START + DAY / 2, DAY))
    merge(UserSummary(START, DAY), UserSummary(START + 3 * DAY, DAY))


@pytest.mark.parametrize("seed", range(3))
def test_the_batch_learner_says_the_same(
    recipe: Recipe, write_tables: Callable[[Any, Any], Path], seed: int
) -> None:
    """The same events, once through the tables and once through the door, in another order."""
    rng = np.random.default_rng(seed)
    items = [
        ("a", 1, "2019-01-01T00:00:00Z", "create", 100.1, "red", "car"),
        ("b", 1, "2019-01-01T00:00:00Z", "create", 200.7, "blue", "car"),
        ("c", 1, "2019-01-01T00:00:00Z", "create", "", "", "bus"),
    ]
    log = [
        (
            "ux"[rng.integers(2)],
            items[rng.integers(3)],
            START + int(rng.integers(28 * 24)) * timedelta(hours=1),
            ("view", "contact")[rng.integers(2)],
        )
        for _ in range(80)
    ]
    rows = [(user, item[0], "", time.isoformat(), kind) for user, item, time, kind in log]
    profiles = learned(recipe, write_tables(items, rows), np.array([WEIGHTS["view"], WEIGHTS["contact"]]))

    online = {user: UserSummary(recipe.marketplace.split.test_from, DAY) for user in "ux"}
    for i in rng.permutation(len(log)):
        user, (_, _, _, _, price, colour, kind), time, did = log[i]
        values = {"colour": [(colour, 1.0)] if colour else [], "kind": [(kind, 1.0)]}
        online[user].add(Event(str(i), time, did, values, {"price": price or None}))
    facts = profiles.facts
    assert len(facts) > 4
    for row, (user, period) in enumerate(zip(facts.user_P, facts.period_P, strict=True)):
        until = recipe.marketplace.period_starts[period]
        window = online["ux"[user]].window(until - recipe.marketplace.profiles.window, until)
        merged = merge_types(window, WEIGHTS)
        assert facts.events_P[row] == merged.events
        np.testing.assert_allclose(
            facts.known_PF[row], [merged.known_share("colour"), merged.known_share("kind")], rtol=1e-6
        )
        for name in ("colour", "kind"):
            entries = profiles.counts[name].profile_E == row
            values = np.array(profiles.counts[name].value_E.to_pylist())[entries]
            weights = profiles.counts[name].weight_E[entries]
            assert dict(zip(values.tolist(), weights.tolist(), strict=True)) == merged.shares.get(name, {})
        price = merged.moments["price"]
        np.testing.assert_allclose(facts.mean_PC[row, 0], price.mean, rtol=1e-12)
        np.testing.assert_allclose(facts.std_PC[row, 0], price.std, rtol=1e-9)
