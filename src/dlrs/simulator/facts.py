"""Facts: figures of a simulation, to hold against those of the real marketplace (method §7)."""

from __future__ import annotations

from typing import Any

import numpy as np

from dlrs.arrays import AnyArray, Bools, Doubles, Ints
from dlrs.simulator.ads import Ads
from dlrs.simulator.chains import TYPES, Events
from dlrs.simulator.history import DELETE, History
from dlrs.simulator.settings import DAY, Simulation


def facts(settings: Simulation, ads: Ads, history: History, events: Events) -> dict[str, Any]:
    """Return counts, shares and medians, all of them plain numbers."""
    train_from = settings.warm_up_days * DAY
    test_from = train_from + (settings.weeks - 1) * 7 * DAY
    train_E = (events.time_E >= train_from) & (events.time_E < test_from)
    return {
        "users": settings.users,
        "items": settings.items,
        "versions": len(history.item_V),
        "events": len(events.user_E),
        "type_shares": dict(zip(TYPES, _shares(events.type_E, len(TYPES)), strict=True)),
        **_about_items(settings, ads, history),
        **_about_train(settings, events, train_E),
        **_about_test(settings, events, train_E, events.time_E >= test_from),
    }


def _about_items(settings: Simulation, ads: Ads, history: History) -> dict[str, float]:
    versions_N = np.bincount(history.item_V[history.operation_V != DELETE], minlength=settings.items)
    arrived_N = ads.born_N >= 0
    return {
        "versions_median": _median(versions_N),
        "life_days_median": _median((ads.died_N - ads.born_N)[arrived_N] / DAY),
    }


def _about_train(settings: Simulation, events: Events, train_E: Bools) -> dict[str, float]:
    pairs = np.unique(events.user_E[train_E].astype(np.int64) * settings.items + events.item_E[train_E])
    by_user = np.bincount(pairs // settings.items)
    by_item = np.bincount(pairs % settings.items)
    _, events_by_item = np.unique(events.item_E[train_E], return_counts=True)
    return {
        "train_events": int(train_E.sum()),
        "train_pairs": len(pairs),
        "train_pairs_per_user_mean": _mean(by_user[by_user > 0]),
        "train_pairs_per_user_median": _median(by_user[by_user > 0]),
        "train_pairs_per_item_mean": _mean(by_item[by_item > 0]),
        "train_pairs_per_item_median": _median(by_item[by_item > 0]),
        "top_1_percent_share": _top_share(events_by_item, 0.01),
        "top_10_percent_share": _top_share(events_by_item, 0.10),
    }


def _about_test(settings: Simulation, events: Events, train_E: Bools, test_E: Bools) -> dict[str, float]:
    items = np.unique(events.item_E[test_E])
    cold = np.isin(items, events.item_E[train_E], invert=True)
    users = np.unique(events.user_E[test_E])
    return {
        "test_events": int(test_E.sum()),
        "test_users_share": len(users) / settings.users,
        "test_items": len(items),
        "test_items_unseen_share": _mean(cold),
    }


def _top_share(counts: Ints, part: float) -> float:
    """Share of the interactions that the most popular `part` of the items draw."""
    top = np.sort(counts)[::-1][: max(1, round(part * len(counts)))]
    return round(float(top.sum()) / max(int(counts.sum()), 1), 4)


def _shares(codes: AnyArray, kinds: int) -> list[float]:
    return [round(float(n) / max(len(codes), 1), 5) for n in np.bincount(codes, minlength=kinds)]


def _median(values: Ints | Doubles) -> float:
    return round(float(np.median(values)), 3) if len(values) else 0.0


def _mean(values: Ints | Doubles | Bools) -> float:
    return round(float(np.mean(values)), 3) if len(values) else 0.0
