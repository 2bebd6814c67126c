"""The online profile is the batch learner's, however events come."""

from __future__ import annotations

import tempfile
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlrs.features.single import SingleEncoding
from dlrs.past.stored import Past
from dlrs.profiles.profile import Profiles
from dlrs.schema import Features
from dlrs.service.bundle import ServingBundle
from dlrs.service.metrics import Metrics
from dlrs.service.profiles import source
from dlrs.service.profiles.online import Online
from dlrs.service.profiles.source import UserProfiles
from dlrs.service.seams import Event, Profile
from service.profiles.fakes import FakeCandidates, FakeEvents, FakeUsers
from service.profiles.little import (
    CHANGE,
    DAY,
    END,
    TYPES,
    Clock,
    bundle,
    encoding,
    item_id,
    learned,
    past_of,
    raw_then,
    recipe,
)

ENCODING = encoding()
SINGLE = SingleEncoding(ENCODING)
NOW = END + 2 * DAY + 5

moments = st.one_of(
    st.integers(END - 16 * DAY, NOW + DAY - 1),
    st.sampled_from([END - 1, END, CHANGE, NOW, END - 11 * DAY, END - 11 * DAY - 1, END + 3 * DAY]),
)
deeds = st.tuples(st.integers(0, 5), st.sampled_from(TYPES), moments)


def service(current: tuple[ServingBundle, Past], clock: Clock) -> tuple[UserProfiles, FakeEvents]:
    events = FakeEvents()
    profiles = UserProfiles(
        lambda: current, events, FakeUsers(events), FakeCandidates(raw_then), clock, Metrics()
    )
    return profiles, events


def check_same(profile: Profile, batch: Profiles) -> None:
    """Compare a profile with the only one that the batch learner found."""
    features: Features = recipe().marketplace.features
    if len(batch) == 0:
        assert profile.events == 0
        assert not any(profile.values.values())
        assert not profile.numbers
        return
    assert profile.events == batch.facts.events_P[0]
    known = [profile.known[name] for name in features.discrete]
    np.testing.assert_array_equal(np.array(known, dtype=np.float32), batch.facts.known_PF[0])
    for name in features.discrete:
        counts = batch.counts[name]
        expected = dict(zip(counts.value_E.to_pylist(), counts.weight_E.tolist(), strict=True))
        assert profile.values[name] == pytest.approx(expected, rel=1e-9)
    facts = zip(features.continuous, batch.facts.mean_PC[0], batch.facts.std_PC[0], strict=True)
    for name, mean, std in facts:
        if np.isnan(mean):
            assert name not in profile.numbers
        else:
            assert profile.numbers[name].mean == pytest.approx(mean, rel=1e-9)
            # a deviation that is rounding of the mean is as good as none
            assert profile.numbers[name].std == pytest.approx(std, rel=1e-9, abs=1e-7 * abs(mean))
    row = SINGLE.profile(profile.values, profile.numbers, profile.own)
    own = ENCODING.users
    assert own is not None
    rows = ENCODING.encode_profiles(batch, own.encode(_own_table(profile)))
    np.testing.assert_array_equal(row.offsets, rows.offsets)
    np.testing.assert_array_equal(row.columns_E, rows.columns_E)
    # sums in another order may differ in the last bit, and so may what is rounded to float32
    np.testing.assert_allclose(row.weights_E, rows.weights_E, rtol=2e-7)
    np.testing.assert_allclose(row.continuous_NC, rows.continuous_NC, rtol=1e-6, atol=1e-6)


def _own_table(profile: Profile) -> pa.Table:
    own = profile.own or {}
    return pa.table(
        {
            "age": pa.array([own.get("age")], pa.float64()),
            "country": pa.array([own.get("country")], pa.string()),
        }
    )


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_equals_the_batch_learner(data: st.DataObject) -> None:
    chosen = data.draw(st.lists(deeds, max_size=25, unique=True))
    events = [Event(f"e{n}", "ann", item_id(i), kind, time) for n, (i, kind, time) in enumerate(chosen)]
    in_log = [e for e in events if e.time < END and data.draw(st.booleans())]
    in_database = [e for e in events if e not in in_log or data.draw(st.booleans())]
    arriving = data.draw(st.permutations(in_database * 2))
    with tempfile.TemporaryDirectory() as folder:
        profiles, _ = service((bundle(), past_of(in_log, Path(folder))), Clock(NOW))
        parts = np.array_split(np.arange(len(arriving)), data.draw(st.integers(1, 4)))
        for part in parts:
            added = profiles.add([arriving[place] for place in part])
            assert not added.refused
            profile = profiles.profile("ann")
    border = END + 3 * DAY
    check_same(profile, learned(events, border))
    window = [e for e in events if border - 14 * DAY <= e.time < border]
    assert sorted(met.time for met in profile.history) == [met.time for met in profile.history]
    seen = sorted((met.item_id, met.type, met.time) for met in profile.history)
    assert seen == sorted((e.item_id, e.type, e.time) for e in window)
    assert set(profile.known_ids) == {e.item_id for e in events}
    assert len(profile.known_ids) == len(set(profile.known_ids))
    for met in list(profile.history)[-20:]:
        assert met.features == raw_then(met.item_id, met.time)


@given(st.permutations(range(12)))
@settings(deadline=None, max_examples=25)
def test_the_order_of_arrival_changes_no_bit(order: Sequence[int]) -> None:
    events = [Event(f"e{n}", "ann", item_id(n % 6), TYPES[n % 3], END + n // 3) for n in range(12)]
    with tempfile.TemporaryDirectory() as folder:
        past = past_of([], Path(folder))
    one, _ = service((bundle(), past), Clock(NOW))
    other, _ = service((bundle(), past), Clock(NOW))
    one.add(events)
    for place in order:
        other.add([events[place]])
        other.profile("ann")
    first, second = one.profile("ann"), other.profile("ann")
    assert (first.values, first.numbers, first.known) == (second.values, second.numbers, second.known)
    assert first.history == second.history


def test_of_a_crowd_the_newest_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profiles, _ = service((bundle(), past_of([], tmp_path)), Clock(NOW))
    profiles.add([Event(f"e{n}", "ann", item_id(n), "view", END + n) for n in range(6)])
    monkeypatch.setattr(source, "CROWD", 4)
    assert [met.item_id for met in profiles.profile("ann").history] == [item_id(n) for n in range(2, 6)]
    profiles.add([Event("e6", "ann", item_id(0), "view", END + 6)])
    assert profiles.profile("ann").events == 5  # it goes on from there


def test_of_a_guest_only_what_are_ids_is_looked_up(tmp_path: Path) -> None:
    asked: list[str] = []

    def nothing(item: str, time: int) -> None:
        asked.append(item)

    events = FakeEvents()
    candidates = FakeCandidates(nothing)
    current = bundle(), past_of([], tmp_path)
    profiles = UserProfiles(lambda: current, events, FakeUsers(events), candidates, Clock(NOW), Metrics())
    ids = ["", "a\0", "\ud800", "x" * 513, "good"]
    assert profiles.guest([Event("e", "guest", id, "view", END) for id in ids]).events == 0
    assert asked == ["good"]


def test_the_newest_events_count(tmp_path: Path) -> None:
    base = [Event(f"b{n}", "ann", item_id(n), "view", END - DAY + n) for n in range(6)]
    online = Online(bundle(), past_of(base, tmp_path), most=7)
    events = [Event(f"e{n}", "ann", item_id(n % 6), "contact", END + n) for n in range(5)]
    events.append(Event("late", "ann", item_id(5), "contact", END - 2 * DAY))
    seen = online.seen()
    for event in events:
        seen.add(event, "key", raw_then(event.item_id, event.time))
    border = online.border(NOW)
    found = online.describe(0, seen, border, 0, 20)
    expected = [(item_id(4), "view"), (item_id(5), "view"), *((e.item_id, "contact") for e in events[:5])]
    assert [(met.item_id, met.type) for met in found.history] == expected
    assert found.summary.events == 7


def test_what_is_kept_of_a_user_holds_none_of_his_events(tmp_path: Path) -> None:
    many = [Event(f"b{n}", "ann", item_id(n % 6), "view", END - DAY + n) for n in range(5000)]
    online = Online(bundle(), past_of(many, tmp_path))
    border, seen = online.border(NOW), online.seen()
    online.describe(0, seen, border, 0, 20)  # what is made once
    tracemalloc.start()
    found = online.describe(0, seen, border, 0, 20)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.summary.events == len(many)
    assert kept < 2 * len(many)  # one column of them alone has eight bytes for each


def test_a_crowd_is_forgotten_but_for_what_counts(tmp_path: Path) -> None:
    online = Online(bundle(), past_of([], tmp_path), most=5)
    border, seen = online.border(NOW), online.seen()
    for n in range(40):  # of which 8 lie behind the border
        event = Event(f"e{n}", "ann", item_id(n % 6), TYPES[n % 3], border - 32 + n)
        seen.add(event, "key", raw_then(event.item_id, event.time))
    kept = seen.keep(border - online.window, border, 5)
    assert len(kept) == 5 + 8
    for until in (border, border + DAY):
        one, other = (online.describe(None, s, until, 0, 40) for s in (seen, kept))
        assert one.summary == other.summary
        assert one.history == other.history


def test_borders_are_those_of_the_buckets(tmp_path: Path) -> None:
    online = Online(bundle(), past_of([], tmp_path))
    assert [online.border(now) - END for now in (END - 1, END, END + 1, END + DAY - 1, END + DAY)] == [
        0,
        DAY,
        DAY,
        DAY,
        2 * DAY,
    ]
