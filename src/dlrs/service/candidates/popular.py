"""Popular: what drew most events before the bundle's watermark, of what is there now."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dlrs.arrays import Ints
from dlrs.candidates.filtering.filters import Filter
from dlrs.candidates.live.filtered import FilteredView
from dlrs.candidates.live.items import Ids, encoded
from dlrs.candidates.live.view import View

SPARE = 4
"""So many times more are looked at than wanted, and again so many times more where too few of them pass."""


def popular_places(
    view: View, popular_ids: Ids, count: int, filters: Sequence[Filter], known_ids: Sequence[str] = ()
) -> Ints:
    """Return the places of the `count` most popular items that are there, pass and are not known.

    `popular_ids` are in the order of popularity.
    """
    looked = min(len(popular_ids), SPARE * count + len(known_ids))
    while True:
        places = passing_places(view, popular_ids[:looked], filters, known_ids)
        if len(places) >= count or looked == len(popular_ids):
            return places[:count]
        looked = min(len(popular_ids), SPARE * looked)


def passing_places(view: View, ids_B: Ids, filters: Sequence[Filter], known_ids: Sequence[str] = ()) -> Ints:
    """Return the places of those items that are there, pass and are not known, in the order given."""
    places_B = view.find(ids_B)
    if filters:
        chosen_B = FilteredView(view, tuple(filters)).admits(places_B)
    else:
        chosen_B = (places_B >= 0) & ~view.gone(places_B)
    if known_ids and len(ids_B):
        chosen_B &= ~np.isin(places_B, view.find(encoded(known_ids)))
    return places_B[chosen_B]
