"""A published bundle and the API over it: the profiles that the data set was served with."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from dlrs.bundle import current_bundle
from dlrs.data.interactions import micros
from dlrs.features.single import SingleEncoding
from dlrs.folders import RunFolder
from dlrs.past.stored import Past
from dlrs.prepared import open_prepared
from dlrs.service.bundle import ServingBundle
from dlrs.service.database.database import Database
from dlrs.service.metrics import Metrics
from dlrs.service.profiles.source import UserProfiles
from service.profiles.fakes import FakeCandidates
from service.profiles.little import Clock


def test_profiles_at_the_watermark(world: RunFolder, tmp_path: Path) -> None:
    folder, prepared = current_bundle(world.registry), open_prepared(world.prepared)
    bundle = ServingBundle.load(folder)
    past = Past.open(folder.path, bundle.recipe.marketplace.features)
    # a moment before the watermark, its border is the watermark
    clock = Clock(micros(bundle.watermark) - 1)
    with closing(Database.open(f"sqlite:///{tmp_path}/service.sqlite")) as stores:
        profiles = UserProfiles(
            lambda: (bundle, past),
            stores.events,
            stores.users,
            FakeCandidates(lambda item, time: None),
            clock,
            Metrics(),
        )
        rows_U = prepared.profile_of_QU[prepared.serving_period]
        users = np.flatnonzero(rows_U >= 0)[::9]
        assert len(users) > 10
        single = SingleEncoding(bundle.encoding)
        for user in users.tolist():
            profile = profiles.profile(prepared.user_ids[user].as_py())
            row, expected = rows_U[user], prepared.profiles.take(rows_U[[user]])
            facts = prepared.profile_facts
            assert profile.events == facts.events_P[row]
            means = {name: number.mean for name, number in profile.numbers.items()}
            names = bundle.recipe.marketplace.features.continuous
            batch = {n: m for n, m in zip(names, facts.mean_PC[row], strict=True) if not np.isnan(m)}
            assert means == pytest.approx(batch, rel=1e-9)
            one = single.profile(profile.values, profile.numbers, profile.own)
            np.testing.assert_array_equal(one.offsets, expected.offsets)
            np.testing.assert_array_equal(one.columns_E, expected.columns_E)
            np.testing.assert_allclose(one.weights_E, expected.weights_E, rtol=2e-7)
            np.testing.assert_allclose(one.continuous_NC, expected.continuous_NC, rtol=1e-5, atol=1e-5)
