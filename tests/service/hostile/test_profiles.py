"""Over HTTP: whatever the order, the repeats and the delays, a profile is the batch learner's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlrs.bundle import current_bundle
from dlrs.folders import RunFolder
from dlrs.prepared import open_prepared
from service.kill.batch import Batch, check_same

DAY = 86_400_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NAMES = count()

deeds = st.tuples(st.integers(0, 9), st.sampled_from(["view", "contact"]), st.integers(-40 * DAY, DAY // 4))


@pytest.fixture(scope="module")
def batch(world: RunFolder) -> Batch:
    facts = current_bundle(world.registry).facts
    watermark = datetime.fromisoformat(facts["watermark"])
    return Batch(open_prepared(world.prepared), watermark, facts["interaction_weights"])


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(data=st.data())
def test_any_order_repeats_and_delays(
    data: st.DataObject, client: httpx.Client, batch: Batch, world: RunFolder
) -> None:
    ids = [item["id"] for item in client.get("/recommendations/nobody?k=10").json()["items"]]
    told = client.post("/items/get", json={"ids": ids}).json()["items"]
    features = {one["id"]: one["features"] for one in told}
    users = open_prepared(world.prepared).user_ids.to_pylist()
    known = [user for user in users if len(batch.past(user)) > 5][:3]
    user = data.draw(st.sampled_from([*known, f"new-{next(NAMES)}"]))
    client.delete(f"/users/{user}")  # of earlier examples; what the bundle knows of him is gone, too
    watermark = int(batch.watermark)
    run = next(NAMES)
    events = [
        {"id": f"{run}-{n}", "user_id": user, "item_id": ids[item], "type": kind, "time": watermark + time}
        for n, (item, kind, time) in enumerate(data.draw(st.lists(deeds, min_size=1, max_size=20)))
    ]
    arriving = data.draw(st.permutations(events * 2))
    for part in np.array_split(np.arange(len(arriving)), data.draw(st.integers(1, 4))):
        sent = [arriving[place] for place in part.tolist()]
        body = [{**e, "time": (EPOCH + timedelta(microseconds=e["time"])).isoformat()} for e in sent]
        answer = client.post("/events", json={"events": body})
        assert answer.status_code == 200
        assert not answer.json()["refused"]
        client.get(f"/users/{user}/profile")  # so that the next part comes late to a profile that is kept
    told = client.get(f"/users/{user}/profile").json()
    names = list(batch.marketplace.features.continuous)
    check_same(told, batch.profile(user, events, features, with_past=False), names)
