"""Searching: what is asked of a live index, and what it answers, ready to be ranked."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
from scipy import sparse

from dlrs.arrays import NO_ITEM, Bools, Floats, Ints
from dlrs.candidates.filtering.filters import Filter
from dlrs.candidates.generator import GROUP, Candidates, generate
from dlrs.candidates.live.filtered import FilteredView
from dlrs.candidates.live.items import LiveItems, decoded, encoded
from dlrs.candidates.live.view import View
from dlrs.errors import RequestError

TRIES = 3
"""Searches that are done again because an item found was deleted meanwhile."""

NEAR, NEAR_SHARE = 96, 0.15
"""Known items that are expected among the nearest: so many at most, or, of who knows more, this share of the
geometric mean of what he knows and what he is to get. Of twenty users of a simulated million one has more."""

MORE = 4
"""Where there are more of them, so many times more are expected; then all that he knows is looked up."""

Filters = tuple[Filter, ...]
Known = Sequence[Sequence[str]]
"""The ids that each of U users is not to be shown."""


@dataclass(frozen=True)
class Found:
    """M distinct items, and which of them are whose T candidates; positions are rows of `items`.

    `ranking.rank` takes them as they are, with `nets.item_halves(found.items.representations)`.
    """

    items: LiveItems
    candidates: Candidates
    texts: list[str] | None = None
    """The ids of the items as text, where they were found for one user: then all stand in his order."""

    def ids(self, user: int) -> list[str]:
        """Return the ids of one user's candidates, nearest first."""
        positions_T = self.candidates.positions_UT[user]
        return decoded(self.items.ids_N[positions_T[positions_T != NO_ITEM]])

    def without(self, dropped_M: Bools) -> Found:
        """Return the lists without some items, closed up; what is empty then is padded."""
        positions_UT, similarity_UT = self.candidates.positions_UT, self.candidates.similarity_UT
        out_UT = (positions_UT != NO_ITEM) & dropped_M[positions_UT]
        order_UT = np.argsort(out_UT, axis=1, kind="stable")
        positions_UT = np.where(out_UT, NO_ITEM, positions_UT)
        similarity_UT = np.where(out_UT, np.float32(-np.inf), similarity_UT)
        return Found(
            self.items,
            Candidates(
                np.take_along_axis(positions_UT, order_UT, axis=1),
                np.take_along_axis(similarity_UT, order_UT, axis=1),
            ),
        )


def search(
    now: Callable[[], View], queries_UD: Floats, count: int, known: Known | None, filters: Sequence[Filter]
) -> Found:
    """Return the `count` nearest items that are there, pass all filters and are not known to the user.

    Users are looked up in groups, each of them in what there is `now`; what is deleted before the answer is
    ready is not in it.

    Raises:
        RequestError: queries are of another width or not finite, or there is no list of known ids for each.
    """
    _check(queries_UD, now().snapshot.items.embedding_ND.shape[1], known)
    groups = [slice(start, start + GROUP) for start in range(0, max(1, len(queries_UD)), GROUP)]
    return _together(
        [_search(now, queries_UD[g], count, known[g] if known else None, tuple(filters)) for g in groups]
    )


def _check(queries_UD: Floats, width: int, known: Known | None) -> None:
    if queries_UD.ndim != 2 or queries_UD.shape[1] != width or not np.isfinite(queries_UD).all():
        received = "NaN or infinity" if queries_UD.shape[1:] == (width,) else f"the shape {queries_UD.shape}"
        raise RequestError(
            f"queries: expected finite numbers of the shape (users, {width}), received {received}. "
            "Use the UserNet that belongs to the items."
        )
    if known and len(known) != len(queries_UD):
        raise RequestError(
            f"known: expected a list of ids for each of {len(queries_UD)} users, received {len(known)}. "
            "Give an empty one for who knows nothing."
        )


def _search(
    now: Callable[[], View], queries_UD: Floats, count: int, known: Known | None, filters: Filters
) -> Found:
    for _ in range(TRIES):
        view = now()
        found, places_M = _ask(view, queries_UD, count, known, filters)
        if (later := now()) is view:
            return found
        deleted_M = _deleted(view, later, places_M)
        if not deleted_M.any():
            return found
    return found.without(deleted_M)


def _ask(
    view: View, queries_UD: Floats, count: int, known: Known | None, filters: Filters
) -> tuple[Found, Ints]:
    """Return the `count` nearest items that pass and are not known to the user, and their places: (M,)."""
    if len(queries_UD) == 1 and not filters:
        near = _ask_for_one(view, queries_UD, count, known[0] if known else ())
        if near is not None:
            return near
    if len(queries_UD) == 1 and not filters and view.snapshot.can_exclude:
        candidates = Candidates(*view.propose_without(queries_UD, count, _known(view, known)))
    else:
        index = FilteredView(view, filters) if filters else view
        candidates = generate(index, queries_UD, count, _known_UA(view, len(queries_UD), known))
    places, row = np.unique(candidates.positions_UT, return_inverse=True)
    padded = int(len(places) > 0 and places[0] == NO_ITEM)
    positions_UT = row.reshape(candidates.positions_UT.shape) - padded  # NO_ITEM stays −1
    places_M = places[padded:]
    return Found(view.take(places_M), Candidates(positions_UT, candidates.similarity_UT)), places_M


def _deleted(view: View, now: View, places_M: Ints) -> Bools:
    """Tell which items found in one view were deleted since; those with a newer version are still there."""
    if now.snapshot is view.snapshot and not now.gone(places_M).any():
        return np.zeros(len(places_M), dtype=np.bool_)
    now_M = now.find(view.take(places_M).ids_N)
    return (now_M < 0) | now.gone(now_M)


def _together(parts: Sequence[Found]) -> Found:
    """Return the answers to several groups of users as one. An item may then be there more than once."""
    if len(parts) == 1:
        return parts[0]
    starts = np.cumsum([0, *(len(part.items) for part in parts)])
    width = max(part.candidates.positions_UT.shape[1] for part in parts)
    moved = [_moved(part.candidates, start, width) for part, start in zip(parts, starts, strict=False)]
    return Found(
        LiveItems.concatenate([part.items for part in parts]),
        Candidates(
            np.concatenate([part.positions_UT for part in moved]),
            np.concatenate([part.similarity_UT for part in moved]),
        ),
    )


def _moved(candidates: Candidates, start: int, width: int) -> Candidates:
    positions_UT = candidates.positions_UT
    missing = ((0, 0), (0, width - positions_UT.shape[1]))
    positions_UT = np.where(positions_UT == NO_ITEM, NO_ITEM, positions_UT + start)
    return Candidates(
        np.pad(positions_UT, missing, constant_values=NO_ITEM),
        np.pad(candidates.similarity_UT, missing, constant_values=-np.inf),
    )


def _ask_for_one(
    view: View, queries_1D: Floats, count: int, known_ids: Sequence[str]
) -> tuple[Found, Ints] | None:
    """Return what `_ask` does, None if too many of the nearest items are known.

    Few of all that a user ever met are near him now. To tell which, by their ids, is quicker than to look up
    the places of them all.
    """
    expected = max(NEAR, round(NEAR_SHARE * math.sqrt(len(known_ids) * count)))
    known = set(known_ids)
    for most in (expected, MORE * expected):
        asked = count + min(len(known_ids), most)
        places, similarity = _found(*view.propose(queries_1D, asked))
        items = view.take(places)
        texts = decoded(items.ids_N)
        met = known.intersection(texts)
        if len(texts) - len(met) >= count or len(places) < asked:
            break
    else:
        return None
    new: slice | Ints = slice(count)
    if met:
        new_K = ~np.fromiter(map(met.__contains__, texts), dtype=np.bool_, count=len(texts))
        new, texts = np.flatnonzero(new_K)[:count], [*compress(texts, new_K.tolist())]
    places, items = places[new], items.take(new)
    rows_1T = np.arange(len(places))[None]
    return Found(items, Candidates(rows_1T, similarity[new][None]), texts[:count]), places


def _found(places_1K: Ints, similarity_1K: Floats) -> tuple[Ints, Floats]:
    """Return what was found for one user without the padding, which stands at the end."""
    places, similarity = places_1K[0], similarity_1K[0]
    if len(places) and places[-1] == NO_ITEM:
        found = places != NO_ITEM
        return places[found], similarity[found]
    return places, similarity


def _known(view: View, known: Known | None) -> Ints:
    """Return the places of what one user knows."""
    places = np.unique(view.find(encoded(known[0]))) if known and len(known[0]) else np.empty(0, np.int64)
    return places[places >= 0]


def _known_UA(view: View, users: int, known: Known | None) -> sparse.csr_array:
    if known is None:
        return sparse.csr_array((users, view.places), dtype=np.float32)
    places_E = view.find(encoded([id for ids in known for id in ids]))
    user_E = np.repeat(np.arange(users), [len(ids) for ids in known])
    found_E = places_E >= 0
    ones = np.ones(np.count_nonzero(found_E), dtype=np.float32)
    return sparse.csr_array((ones, (user_E[found_E], places_E[found_E])), shape=(users, view.places))
