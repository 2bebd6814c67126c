"""Known: what there is to know at the moment of a request, of everything and of whoever asks.

`Past` knows a log of the past at any of its moments, `LivePast` what has happened until now. Features and
shortlists ask either the same way, so that what was learned is what is served.

    R requests    P pairs of an item and a moment    N items    V versions    H last events    K columns
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy import sparse

from dlrs.arrays import AnyArray, Bools, Doubles, Ints
from dlrs.ranking.timelines import NO_EVENT


class Counted(Protocol):
    """Events by key: `Timelines`, or `Layers` of them. Places are whatever `places` returns."""

    def places(self, moments_P: Ints) -> Ints:
        """Return the place of each moment, moments last."""
        ...

    def none(self, keys_P: Ints) -> Ints:
        """Return the place of before all events, for each key."""
        ...

    def between(self, since_P: Ints, until_P: Ints) -> Ints:
        """Return how many events lie between places."""
        ...

    def before(self, keys_P: Ints, places_P: Ints) -> Ints:
        """Return a number for (key, place) whose differences count a key's events."""
        ...


class Followed(Protocol):
    """What came after keys: `Successions` of a log, or several together."""

    @property
    def items(self) -> int:
        """How many columns shares have: one more than the last item that came."""
        ...

    def latest(self, keys_P: Ints, moments_P: Ints) -> Ints:
        """Return what came after each key before each moment, latest first, padded with NO_EVENT: (P, M)."""
        ...


class Facts(Protocol):
    """What items are. A version row is of one item as it was for a time."""

    def alive_at(self, moment: int) -> Ints:
        """Return the rows of the items that may be recommended at a moment, ascending."""
        ...

    def version_at(self, items_P: Ints, moments_P: Ints) -> Ints:
        """Return the version of each item at each moment, or else the nearest one."""
        ...

    def alive(self, items_P: Ints, moments_P: Ints) -> Bools:
        """Tell whether each item may be recommended at each moment."""
        ...

    def first_from(self, items_P: Ints) -> Ints:
        """Return when each item began: of any shape."""
        ...

    def categories(self, versions_P: Ints) -> Ints:
        """Return the category of each version, −1 where it is missing: of any shape."""
        ...

    def units(self, versions_P: Ints) -> sparse.csr_array:
        """Return the encoded features of versions as rows of length 1, without times: (P, K)."""
        ...


class Known(Protocol):
    """Events by item, category and succession, each asked strictly before a moment."""

    @property
    def windows(self) -> tuple[int, ...]:
        """Lengths of the windows that popularity is counted over, the longest first: microseconds."""
        ...

    @property
    def began(self) -> int | None:
        """When the first event happened; None without any."""
        ...

    @property
    def facts(self) -> Facts:
        """What the items are."""
        ...

    @property
    def item_times(self) -> Counted:
        """The events by item."""
        ...

    @property
    def arrivals(self) -> Counted:
        """Those of them with which users came, after they had been away for a shortest window."""
        ...

    @property
    def category_times(self) -> Counted:
        """The events by category + 1."""
        ...

    @property
    def successions(self) -> Followed:
        """What came within a few events after an item."""
        ...

    @property
    def nexts(self) -> Followed:
        """What came at once after an item."""
        ...

    @property
    def category_nexts(self) -> Followed:
        """The same of categories + 1."""
        ...

    def drew(self, since: int, until: int) -> Ints:
        """Return how many events each item drew in [since, until): (N,)."""
        ...


@dataclass(frozen=True)
class LastMet:
    """What R users had met when they asked, the latest first; NO_EVENT where there is less."""

    moment_R: Ints
    count_R: Ints  # events in all
    item_RH: Ints
    category_RH: Ints  # of the version that was seen then, + 1; 0: it was missing
    time_RH: Ints
    liked_RK: Doubles  # mean features of these versions, of length 1, or 0

    @property
    def there_RH(self) -> Bools:
        """Where there is an event."""
        return np.asarray(self.item_RH != NO_EVENT)


def weights(last: int) -> Doubles:
    """Return what each of the last events counts, the latest most: (H,); the sum is 1."""
    falling_H = 1 / np.sqrt(np.arange(1, last + 1))
    return np.asarray(falling_H / falling_H.sum())


def weights_of(there_RH: Bools) -> Doubles:
    """Return the weights of those that are there, scaled to the sum 1, 0 of the others: (R, H)."""
    weight_RH = np.where(there_RH, weights(there_RH.shape[1]), 0)
    scaled_RH: Doubles = weight_RH / np.maximum(weight_RH.sum(axis=1, keepdims=True), 1e-12)
    return scaled_RH


def liked(there_RH: Bools, unit_EK: sparse.csr_array) -> Doubles:
    """Return the mean features of what each user met last, of length 1, or 0: (R, K).

    Args:
        there_RH: where there is an event.
        unit_EK: the features of these, user by user, each the latest first.
    """
    row_E = np.repeat(np.arange(len(there_RH)), there_RH.sum(axis=1))
    entries: tuple[AnyArray, Any] = (weights_of(there_RH)[there_RH], (row_E, np.arange(len(row_E))))
    weights_RE = sparse.csr_array(entries, shape=(len(there_RH), unit_EK.shape[0]))
    mean_RK = (weights_RE @ unit_EK).toarray()
    unit_RK: Doubles = mean_RK / np.maximum(np.linalg.norm(mean_RK, axis=1, keepdims=True), 1e-12)
    return unit_RK
