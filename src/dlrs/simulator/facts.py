"""Facts: figures of a simulation, to hold against those of the real marketplace (method §7).

They are about the users; guests only count where the name says so. Shapes: E events, N ads, U users.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dlrs.arrays import AnyArray, Bools, Ints
from dlrs.simulator.ads import Ads
from dlrs.simulator.chains import TYPES, Events
from dlrs.simulator.history import DELETE, History
from dlrs.simulator.settings import DAY, Simulation


def facts(settings: Simulation, ads: Ads, history: History, events: Events) -> dict[str, Any]:
    """Return counts, shares and medians, all of them plain numbers."""
    train_from = settings.warm_up_days * DAY
    test_from = train_from + (settings.weeks - 1) * 7 * DAY
    known = events.take(events.user_E < settings.users)
    cuts = np.searchsorted(known.time_E, [train_from, test_from])
    train, test = known.take(slice(cuts[0], cuts[1])), known.take(slice(cuts[1], None))
    train_N = np.bincount(train.item_E, minlength=settings.items)
    return {
        "users": settings.users,
        "guests": settings.guests,
        "items": settings.items,
        "versions": len(history.item_V),
        "events": len(events),
        "guests_events": len(events) - len(known),
        "type_shares": dict(zip(TYPES, _shares(known.type_E, len(TYPES)), strict=True)),
        **_about_items(settings, ads, history, train_from),
        **_about_train(settings, train, train_N),
        **_about_test(settings, train, test, train_N),
    }


def _about_items(settings: Simulation, ads: Ads, history: History, train_from: int) -> dict[str, float]:
    versions_N = np.bincount(history.item_V[history.operation_V != DELETE], minlength=settings.items)
    arrived_N = ads.born_N >= 0
    return {
        "versions_median": _median(versions_N),
        "life_days_median": _median((ads.died_N - ads.born_N)[arrived_N] / DAY),
        "items_there_in_the_weeks": int((ads.died_N > train_from).sum()),
    }


def _about_train(settings: Simulation, train: Events, train_N: Ints) -> dict[str, float]:
    pairs = _pairs(settings, train)
    pairs_U = np.bincount(pairs // settings.items, minlength=settings.users)
    pairs_N = np.bincount(pairs % settings.items, minlength=settings.items)
    return {
        "train_events": len(train),
        "train_events_per_user": round(len(train) / settings.users, 2),
        "train_pairs": len(pairs),
        "train_pairs_per_user_mean": _mean(pairs_U[pairs_U > 0]),
        "train_pairs_per_user_median": _median(pairs_U[pairs_U > 0]),
        "train_pairs_per_user_max": int(pairs_U.max()),
        "train_items": int((pairs_N > 0).sum()),
        "train_pairs_per_item_mean": _mean(pairs_N[pairs_N > 0]),
        "train_pairs_per_item_median": _median(pairs_N[pairs_N > 0]),
        "train_pairs_per_item_max": int(pairs_N.max()),
        "top_1_percent_share": _top_share(train_N, 0.01),
        "top_10_percent_share": _top_share(train_N, 0.10),
    }


def _about_test(settings: Simulation, train: Events, test: Events, train_N: Ints) -> dict[str, float]:
    test_N = np.bincount(test.item_E, minlength=settings.items) > 0
    users_U = np.bincount(test.user_E, minlength=settings.users) > 0
    known = _pairs(settings, train)
    new_pairs = int(np.isin(_pairs(settings, test), known, assume_unique=True, invert=True).sum())
    return {
        "test_events": len(test),
        "test_new_pairs": new_pairs,
        "test_new_pairs_per_user": round(new_pairs / settings.users, 2),
        "test_users_share": _mean(users_U),
        "test_items": int(test_N.sum()),
        "test_items_unseen_share": _mean(train_N[test_N] == 0),
    }


def _pairs(settings: Simulation, events: Events) -> Ints:
    """Return each pair of a user and an ad once, as one number."""
    pairs = np.sort(events.user_E.astype(np.int64) * settings.items + events.item_E)
    once: Ints = pairs[np.append(True, np.diff(pairs) > 0)[: len(pairs)]]
    return once


def _top_share(counts_N: Ints, part: float) -> float:
    """Share of the interactions that the most popular `part` of the items with any draw."""
    counts = np.sort(counts_N[counts_N > 0])[::-1]
    top = counts[: max(1, round(part * len(counts)))]
    return round(float(top.sum()) / max(int(counts.sum()), 1), 4)


def _shares(codes: AnyArray, kinds: int) -> list[float]:
    return [round(float(n) / max(len(codes), 1), 5) for n in np.bincount(codes, minlength=kinds)]


def _median(values: AnyArray) -> float:
    return round(float(np.median(values)), 3) if len(values) else 0.0


def _mean(values: AnyArray | Bools) -> float:
    return round(float(np.mean(values)), 3) if len(values) else 0.0
