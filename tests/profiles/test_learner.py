from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlrs.profiles.buckets import bucket_width
from dlrs.profiles.profile import ProfileFacts, Profiles
from dlrs.profiles.weights import InteractionWeights
from dlrs.recipe import Recipe, parse_recipe
from learning import learned, windows

WriteTables = Callable[[list[Any], list[Any]], Path]
ITEMS = [
    ("a", 1, "2019-01-01T00:00:00Z", "create", 100, "red", "car"),
    ("b", 1, "2019-01-01T00:00:00Z", "create", 200, "blue", "car"),
    ("c", 1, "2019-01-01T00:00:00Z", "create", "", "", "bus"),
]
VIEW, CONTACT = 2.0, 10.0  # weights ψ


def _learn(recipe: Recipe, folder: Path) -> Profiles:
    return learned(recipe, folder, np.array([VIEW, CONTACT]))


def _counts(profiles: Profiles, feature: str) -> list[tuple[int, str, float]]:
    counts = profiles.counts[feature]
    return list(
        zip(counts.profile_E.tolist(), counts.value_E.to_pylist(), counts.weight_E.tolist(), strict=True)
    )


def test_one_profile_by_hand(recipe: Recipe, write_tables: WriteTables) -> None:
    events = [
        ("u", "a", "", "2020-01-14T00:00:00Z", "view"),
        ("u", "a", "", "2020-01-14T01:00:00Z", "contact"),
        ("u", "b", "", "2020-01-15T00:00:00Z", "view"),
        ("u", "c", "", "2020-01-16T00:00:00Z", "view"),
    ]
    profiles = _learn(recipe, write_tables(ITEMS, events))
    # the window of 14 days ends before the period: the events reach the periods from 01-20 and 01-27
    assert profiles.facts.period_P.tolist() == [2, 3]
    assert profiles.facts.events_P.tolist() == [4, 4]
    assert _counts(profiles, "colour")[:2] == [(0, "blue", VIEW), (0, "red", VIEW + CONTACT)]
    assert _counts(profiles, "kind")[:2] == [(0, "bus", VIEW), (0, "car", 2 * VIEW + CONTACT)]
    np.testing.assert_allclose(profiles.facts.known_PF, [[3 / 4, 1], [3 / 4, 1]])
    # price: 100 with weight 12, 200 with weight 2 → mean 1600/14; n = 3 observations
    mean = 1600 / 14
    variance = (12 * (100 - mean) ** 2 + 2 * (200 - mean) ** 2) / 14 * 3 / 2
    np.testing.assert_allclose(profiles.facts.mean_PC[:, 0], mean)
    np.testing.assert_allclose(profiles.facts.std_PC[:, 0], variance**0.5)


def test_windows_end_where_the_period_begins(recipe: Recipe, write_tables: WriteTables) -> None:
    events = [
        ("u", "a", "", "2020-01-06T00:00:00Z", "view"),  # first moment of the window of period 2 (01-20)
        ("u", "b", "", "2020-01-19T23:59:59Z", "view"),  # last moment of it
        ("u", "b", "", "2020-01-20T00:00:00Z", "view"),  # belongs to period 2 itself, so to the next profile
    ]
    profiles = _learn(recipe, write_tables(ITEMS, events))
    assert profiles.facts.period_P.tolist() == [2, 3]
    assert _counts(profiles, "colour") == [(0, "blue", VIEW), (0, "red", VIEW), (1, "blue", 2 * VIEW)]


def test_too_few_events_make_no_profile(recipe: Recipe, write_tables: WriteTables) -> None:
    events = [
        ("often", "a", "", "2020-01-21T00:00:00Z", "view"),
        ("often", "a", "", "2020-01-22T00:00:00Z", "view"),
        ("once", "a", "", "2020-01-21T00:00:00Z", "view"),
    ]
    profiles = _learn(recipe, write_tables(ITEMS, events))
    assert profiles.facts.user_P.tolist() == [0]
    assert profiles.facts.std_PC.tolist() == [[0.0]]  # two observations of one value


def test_one_observation_has_no_deviation_and_none_has_no_mean(
    recipe: Recipe, write_tables: WriteTables
) -> None:
    events = [
        ("one", "a", "", "2020-01-21T00:00:00Z", "view"),
        ("one", "c", "", "2020-01-21T00:00:00Z", "view"),
        ("none", "c", "", "2020-01-21T00:00:00Z", "view"),
        ("none", "c", "", "2020-01-22T00:00:00Z", "view"),
    ]
    facts = _learn(recipe, write_tables(ITEMS, events)).facts
    assert facts.user_P.tolist() == [0, 1]  # none, one: ids in order
    assert facts.std_PC[1, 0] == 0
    assert np.isnan(facts.mean_PC[0, 0])
    assert facts.known_PF.tolist() == [[0.0, 1.0], [0.5, 1.0]]


def test_weights_that_belong_to_the_event_enter_with_it(recipe: Recipe, write_tables: WriteTables) -> None:
    """Item a has weights of its own for user u, item b those of the user."""
    events = [
        ("u", "a", "", "2020-01-21T00:00:00Z", "view"),
        ("u", "a", "", "2020-01-22T00:00:00Z", "contact"),
        ("u", "b", "", "2020-01-22T01:00:00Z", "view"),
    ]
    weights_T = np.array([VIEW, CONTACT])
    a_of_u = {"pair_G": np.array([0]), "pairs_GT": np.array([[3.0, 7.0]])}
    weights = InteractionWeights(weights_T, weights_T[None], **a_of_u)
    profiles = learned(recipe, write_tables(ITEMS, events), weights)
    assert _counts(profiles, "colour") == [(0, "blue", VIEW), (0, "red", 3.0 + 7.0)]
    assert profiles.facts.events_P.tolist() == [3]
    assert profiles.facts.known_PF.tolist() == [[1.0, 1.0]]
    mean = (10 * 100 + VIEW * 200) / 12
    variance = (10 * (100 - mean) ** 2 + VIEW * (200 - mean) ** 2) / 12 * 3 / 2
    np.testing.assert_allclose(profiles.facts.mean_PC, [[mean]])
    np.testing.assert_allclose(profiles.facts.std_PC, [[variance**0.5]])


def test_a_log_without_events_in_any_window_has_no_profiles(
    recipe: Recipe, write_tables: WriteTables
) -> None:
    profiles = _learn(recipe, write_tables(ITEMS, [("u", "a", "", "2019-06-01T00:00:00Z", "view")]))
    assert len(profiles) == 0
    assert _counts(profiles, "colour") == []


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_profiles_in_parts_have_the_bits_of_all_at_once(
    recipe: Recipe, write_tables: WriteTables, size: int
) -> None:
    rng = np.random.default_rng(size)
    users, items, kinds = rng.integers(0, 4, 40), rng.choice(["a", "b", "c"], 40), ["view", "contact"] * 20
    events = [
        (f"u{user}", item, "", f"2020-01-{10 + n // 2:02}T00:00:00Z", kind)
        for n, (user, item, kind) in enumerate(zip(users, items, kinds, strict=True))
    ]
    found = windows(recipe, write_tables(ITEMS, events), np.array([VIEW, CONTACT]))
    whole, parts = found.profiles(), list(found.parts(size))
    assert [len(part.user_P) for part in parts[:-1]] == [size] * (len(parts) - 1)
    together = ProfileFacts.concatenate(part.facts() for part in parts)
    for field in fields(ProfileFacts):
        assert np.array_equal(getattr(together, field.name), getattr(whole.facts, field.name), equal_nan=True)
    for feature in whole.counts:
        counted = [
            (size * number + row, value, weight)
            for number, part in enumerate(parts)
            for row, value, weight in _counts(part.profiles(), feature)
        ]
        assert counted == _counts(whole, feature)


def test_windows_and_refreshes_of_hours(content: dict[str, Any], write_tables: WriteTables) -> None:
    content["marketplace"]["profiles"] |= {"window": "36h", "refresh": "8h"}
    recipe = parse_recipe(content, source="hours.toml")
    assert bucket_width(recipe.marketplace) == timedelta(hours=4)
    events = [
        ("u", "a", "", "2020-01-24T20:00:00Z", "view"),  # first moment of the window that ends at 01-26 08:00
        ("u", "b", "", "2020-01-26T07:59:59Z", "view"),  # last moment of it
    ]
    facts = _learn(recipe, write_tables(ITEMS, events)).facts
    ends = [recipe.marketplace.period_starts[period] for period in facts.period_P]
    assert ends == [datetime(2020, 1, 26, 8, tzinfo=UTC)]
    assert facts.events_P.tolist() == [2]


@pytest.mark.parametrize(
    ("changes", "width"),
    [
        ({}, timedelta(days=1)),
        ({"profiles": {"window": "36h", "refresh": "24h"}}, timedelta(hours=12)),
        ({"profiles": {"window": "90m", "refresh": "1h"}}, timedelta(minutes=30)),
        ({"split": {"test_until": "2020-02-03T00:00:10Z"}}, timedelta(seconds=10)),
    ],
)
def test_buckets_are_a_day_or_what_all_windows_are_made_of(
    content: dict[str, Any], changes: dict[str, Any], width: timedelta
) -> None:
    for part, settings in changes.items():
        content["marketplace"][part] |= settings
    assert bucket_width(parse_recipe(content, source="tiny.toml").marketplace) == width


def test_buckets_of_a_microsecond_take_no_more_room(
    content: dict[str, Any], write_tables: WriteTables
) -> None:
    until = content["marketplace"]["split"]["test_until"]
    events = [("u", "a", "", "2020-01-08T01:00:00Z", "view"), ("u", "b", "", "2020-01-09T01:00:00Z", "view")]
    whole = _learn(parse_recipe(content, source="tiny.toml"), write_tables(ITEMS, events)).facts
    content["marketplace"]["split"]["test_until"] = datetime.fromisoformat(str(until)) + timedelta(
        microseconds=1
    )
    odd = parse_recipe(content, source="odd.toml")
    assert bucket_width(odd.marketplace) == timedelta(microseconds=1)
    found = _learn(odd, write_tables(ITEMS, events)).facts
    assert found.events_P.tolist() == whole.events_P.tolist()


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_a_plain_loop(recipe: Recipe, write_tables: WriteTables, seed: int) -> None:
    rng = np.random.default_rng(seed)
    hours = rng.integers(0, 24 * 30, 60)
    log = [
        (f"u{rng.integers(4)}", "abc"[rng.integers(3)], "", int(hour), ("view", "contact")[rng.integers(2)])
        for hour in hours
    ]
    stamped = [(u, i, v, f"2020-01-{1 + h // 24:02}T{h % 24:02}:00:00Z", t) for u, i, v, h, t in log]
    profiles = _learn(recipe, write_tables(ITEMS, stamped))
    found = {
        (int(profiles.facts.period_P[p]), int(profiles.facts.user_P[p]), value): weight
        for p, value, weight in _counts(profiles, "colour")
    }
    users = sorted({u for u, *_ in log})
    colours = {row[0]: row[5] for row in ITEMS}
    expected: dict[tuple[int, int, str], float] = {}
    for period, day in enumerate((6, 13, 20, 27)):
        inside = [e for e in log if (day - 15) * 24 <= e[3] < (day - 1) * 24]
        for user, item, _, _, kind in inside:
            if sum(e[0] == user for e in inside) >= 2 and colours[item]:
                key = (period, users.index(user), colours[item])
                expected[key] = expected.get(key, 0) + (VIEW if kind == "view" else CONTACT)
    assert found == pytest.approx(expected)
