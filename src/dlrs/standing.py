"""Standing: how often items of a log were met before a moment, how often of late, and how old they were."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from dlrs.data.catalog import Catalog
from dlrs.data.interactions import Interactions
from dlrs.model.prior import Standing
from dlrs.popularity import item_counts
from dlrs.prepared import Prepared

DAY = timedelta(days=1) // timedelta(microseconds=1)


def standing_at(log: Interactions, catalog: Catalog, moment: int, recent_window: timedelta) -> Standing:
    """Return how every item row stood at a moment, by what happened before it.

    Args:
        log: the events, in the order of time.
        catalog: every version of every item.
        moment: microseconds since the epoch, UTC.
        recent_window: how long ago is of late.
    """
    recently = moment - recent_window // timedelta(microseconds=1)
    began_N = catalog.valid_from_V[catalog.first_N[:-1]]
    # older than the log is as old as the log: items without a beginning have lain there for ever
    log_began = int(log.time_E[0]) if len(log) else moment
    return Standing(
        item_counts(log, catalog.items, until=moment),
        item_counts(log, catalog.items, since=recently, until=moment),
        np.maximum(moment - np.maximum(began_N, log_began), 0) / DAY,
    )


def prepared_standing(prepared: Prepared, moment: int) -> Standing:
    """Return how every item row of a prepared data set stood at a moment."""
    window = prepared.recipe.candidates.recent_window
    return standing_at(prepared.interactions, prepared.catalog, moment, window)
