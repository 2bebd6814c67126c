"""Widget: a list of recommendations that visits meet on the first page, and what they make of it.

Whoever simulates hands a recommender in as a callable; without one, nobody meets a widget.

Shapes: U users, A ads, K places of a list, I impressions, E events.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dlrs.arrays import NO_ITEM, AnyArray, Bools, Columns, Floats, Ints
from dlrs.errors import DataError
from dlrs.simulator.behaviour import POSITION, PULLED, TASTE, fit, gumbel, on_sale, pauses
from dlrs.simulator.chains import Events
from dlrs.simulator.choices import Choices
from dlrs.simulator.offers import PULL, Offer
from dlrs.simulator.settings import DAY
from dlrs.simulator.users import Users
from dlrs.simulator.visits import Tastes, Visits
from dlrs.simulator.wants import Wants

OUTSIDE = np.float32(5.0)  # utility of clicking on nothing, beside its Gumbel noise


class Recommend(Protocol):
    """A recommender as the simulator meets it. Users and ads are rows, not ids."""

    def __call__(self, day: int, users_U: Columns, alive_A: Columns, log: Events) -> Columns:
        """Return a list for each user, best first: (U, K) rows of ads, `NO_ITEM` where it is shorter.

        Asked once, as the day begins. `users_U` ascends: who will meet the widget on that day; guests
        (rows from `Simulation.users` on) are among them. `alive_A` ascends: the ads that are there then.
        `log` holds all events before the day, by time, in seconds since the simulation's start.
        """


@dataclass(frozen=True)
class Widget:
    """Where recommendations appear: on a share of the visits, from a day on."""

    recommend: Recommend
    from_day: int  # 0 is the first day of the warm-up
    share: float = 1 / 3


@dataclass(frozen=True)
class Impressions:
    """I visits that met the widget, by day and user."""

    user_I: Ints
    time_I: Ints  # seconds since the simulation's start
    lists_IK: Columns  # what was shown; `NO_ITEM` for what was sold by then, too
    opened_IK: Bools


def meet(
    widget: Widget,
    offer: Offer,
    visits: Visits,
    users: Users,
    tastes: Tastes,
    log: Events,
    rng: np.random.Generator,
) -> tuple[Impressions, Choices]:
    """Show the lists to a share of a day's visits, and tell which ads are opened.

    An ad is clicked if its utility exceeds that of an outside option, so that a list may draw no
    click, one or several, and better lists draw more.

    Raises:
        DataError: the recommender gives other than one list for each user, or ads that do not exist.
    """
    met = visits.take(np.flatnonzero(rng.random(len(visits)) < widget.share))
    users_U, user_I = np.unique(met.user_R, return_inverse=True)
    lists_UK = widget.recommend(offer.day, users_U.astype(np.int32), offer.alive_A, log)
    _check(lists_UK, len(users_U), len(offer.table))
    lists_IK = np.asarray(lists_UK, dtype=np.int32)[user_I]
    row_IKT = offer.table[lists_IK]
    second_I = (met.time_R % DAY).astype(np.float32)
    lists_IK = np.where(on_sale(row_IKT, second_I[:, None]), lists_IK, NO_ITEM)
    fit_IK = fit(Wants.of(met, users, tastes), row_IKT)
    opened_IK = (_utility(fit_IK, row_IKT, rng) > OUTSIDE + gumbel((len(met), 1), rng)) & (
        lists_IK != NO_ITEM
    )
    impressions = Impressions(met.user_R, met.time_R, lists_IK, opened_IK)
    return impressions, _clicks(impressions, fit_IK, row_IKT, rng)


def _utility(fit_IK: Floats, row_IKT: Floats, rng: np.random.Generator) -> Floats:
    place_K = np.arange(fit_IK.shape[1], dtype=np.float32)
    utility_IK: AnyArray = TASTE * fit_IK + PULLED * row_IKT[..., PULL] - POSITION * np.log1p(place_K)
    return utility_IK + gumbel(fit_IK.shape, rng)


def _clicks(seen: Impressions, fit_IK: Floats, row_IKT: Floats, rng: np.random.Generator) -> Choices:
    """Turn clicks into choices, a minute or so after the list was shown, if the ad is still there."""
    at = np.nonzero(seen.opened_IK)
    pause_P = pauses(np.ones_like(at[0]), rng)
    second_P = seen.time_I[at[0]] % DAY + pause_P  # of the visit's day, past midnight too
    item_P = seen.lists_IK[at].astype(np.int64)
    clicks = Choices(seen.user_I[at[0]], item_P, seen.time_I[at[0]] + pause_P, fit_IK[at])
    return clicks.take(on_sale(row_IKT[at], second_P.astype(np.float32)))


def _check(lists_UK: Columns, users: int, items: int) -> None:
    shape, kind = np.shape(lists_UK), np.asarray(lists_UK).dtype.kind
    if len(shape) != 2 or shape[0] != users or kind != "i":
        raise DataError(
            f"recommender in the simulation: expected an array of whole numbers with {users} rows, one list "
            f"for each user asked about, received shape {shape}. Pad short lists with {NO_ITEM}."
        )
    if lists_UK.size and (lists_UK.min() < NO_ITEM or lists_UK.max() >= items):
        raise DataError(
            f"recommender in the simulation: expected rows of ads from 0 to {items - 1}, or {NO_ITEM}, "
            f"received {int(lists_UK.min())} to {int(lists_UK.max())}. Return rows, not ids."
        )
