"""Popular: what users without a profile see, whatever their arm: the ads of the last week's most events.

U users    K places of a list    A ads of the day    N all ads
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from dlrs.arrays import Ints
from dlrs.baselines.popular import PopularRecommender
from dlrs.closed_loop.serving import Day
from dlrs.simulator.settings import DAY

WINDOW = 7  # days


def popular_lists(day: Day, k: int) -> Ints:
    """Return the k most popular ads that each user of the day has not met: (U, K)."""
    log, theirs, users = day.log, day.theirs, len(day.users_U)
    recent_E = log.item_E[log.time_E >= (day.day - WINDOW) * DAY]
    ads = int(max(day.ads_A.max(initial=0), log.item_E.max(initial=0))) + 1
    count_N = np.bincount(recent_E, minlength=ads)
    at = np.searchsorted(day.users_U, theirs.user_E), theirs.item_E
    ones = np.ones(len(at[0]), dtype=np.float32)
    known_UN = sparse.csr_array(sparse.coo_array((ones, at), shape=(users, ads)).tocsr())
    popular = PopularRecommender(day.ads_A.astype(np.int64), count_N)
    return popular.recommend(np.arange(users), k, known_UN=known_UN).items_UK
