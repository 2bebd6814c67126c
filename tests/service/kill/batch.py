"""Batch: profiles as the batch learner makes them of a prepared log and of events that came later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from dlrs.data.interactions import ALL_TIME, Interactions, micros
from dlrs.prepared import Prepared
from dlrs.profiles.buckets import MICROSECOND, bucket_width
from dlrs.profiles.incremental import fresh_buckets
from dlrs.profiles.learner import learn_profiles
from dlrs.profiles.profile import Profiles
from dlrs.profiles.weights import InteractionWeights

Event = Mapping[str, Any]
"""As a client sends it, but for its time: microseconds since 1970."""


class Batch:
    """One user at a time, at the border of buckets that follows the watermark."""

    def __init__(self, prepared: Prepared, watermark: datetime, weights: Mapping[str, float]) -> None:
        self._prepared, self.watermark = prepared, micros(watermark)
        self.marketplace = prepared.recipe.marketplace
        self.types = list(self.marketplace.interaction_types)
        self._weight_T = np.array([weights[name] for name in self.types])
        width = bucket_width(self.marketplace) // MICROSECOND
        origin = micros(self.marketplace.split.test_from)
        self.border = origin + ((self.watermark - origin) // width + 1) * width
        self.schema = prepared.versions.take(np.arange(0)).schema
        self._rows = {id: row for row, id in enumerate(prepared.user_ids.to_pylist())}

    def past(self, user: str) -> Interactions:
        """Return what a user did before the watermark."""
        log = self._prepared.interactions.between(ALL_TIME, self.watermark)
        return log.take(log.user_E == self._rows.get(user, -1))

    def profile(
        self, user: str, events: Sequence[Event], features: Mapping[str, Any], *, with_past: bool = True
    ) -> Profiles:
        """Return the profile of a user's past and these events; `features` are those of their items."""
        past = self.past(user) if with_past else self.past("")
        seen, version_E = np.unique(past.version_E, return_inverse=True)
        items = sorted({event["item_id"] for event in events})
        rows = [{name: features[item].get(name) for name in self.schema.names} for item in items]
        newer = pa.Table.from_pylist(rows, schema=self.schema)
        versions = pa.concat_tables([self._prepared.versions.take(seen), newer])
        place = [items.index(event["item_id"]) for event in events]
        columns = (
            (np.zeros(len(past)), [0] * len(events)),
            (past.item_E, [10**9 + item for item in place]),
            (version_E, [len(seen) + item for item in place]),
            (past.type_E, [self.types.index(event["type"]) for event in events]),
            (past.time_E, [event["time"] for event in events]),
        )
        columns_E = [np.concatenate([old, np.array(new)]).astype(np.int64) for old, new in columns]
        log = Interactions(*(column[np.argsort(columns_E[4], kind="stable")] for column in columns_E))
        weights = InteractionWeights(self._weight_T, self._weight_T[None])
        starts = [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=self.border)]
        buckets = fresh_buckets(log, versions, self.marketplace, weights, starts)
        rules = self.marketplace.profiles.model_copy(update={"minimum_events": 1})
        return learn_profiles(buckets, rules, weights, starts)


def check_same(told: Mapping[str, Any], batch: Profiles, names: Sequence[str]) -> None:
    """Compare a told profile with the only one of the batch learner; `names` are its continuous features."""
    facts = batch.facts
    assert told["events"] == (facts.events_P[0] if len(batch) else 0)
    if not len(batch):
        return
    known = [one["known"] for one in told["discrete"].values()]
    np.testing.assert_array_equal(np.array(known, dtype=np.float32), facts.known_PF[0])
    for name, one in told["discrete"].items():
        counts = batch.counts[name]
        expected = dict(zip(counts.value_E.to_pylist(), counts.weight_E.tolist(), strict=True))
        found = {value["value"]: value["count"] for value in one["values"]}
        assert found == pytest.approx(expected, rel=1e-9)
    for place, name in enumerate(names):
        mean, std = facts.mean_PC[0, place], facts.std_PC[0, place]
        if np.isnan(mean):
            assert name not in told["continuous"]
            continue
        number = told["continuous"][name]
        assert number["mean"] == pytest.approx(mean, rel=1e-9)
        # a deviation that is rounding of the mean is as good as none
        assert number["std"] == pytest.approx(std, rel=1e-7, abs=1e-7 * abs(mean))
