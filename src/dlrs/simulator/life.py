"""Life: day after day, users visit, choose and act; each day knows only what was before it.

    visits → (widget) → choices → chains → the day's events

Every day and each of its steps has a random stream of its own, so that a widget that appears on some day
leaves all days before it as they were.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dlrs.arrays import NO_ITEM, Floats
from dlrs.progress import track
from dlrs.simulator.ads import Ads
from dlrs.simulator.behaviour import draw_choices
from dlrs.simulator.chains import Events, draw_chains, zeal
from dlrs.simulator.choices import Choices
from dlrs.simulator.history import History
from dlrs.simulator.offers import offers
from dlrs.simulator.seen import Seen
from dlrs.simulator.settings import DAY, Simulation
from dlrs.simulator.users import Users
from dlrs.simulator.visits import Tastes, draw_visits
from dlrs.simulator.widget import Impressions, Widget, meet


@dataclass(frozen=True)
class Life:
    """What happened: events by time, tastes at the end, and what a widget showed, if there was one."""

    events: Events
    tastes: Tastes
    impressions: Impressions


def live(
    ads: Ads,
    history: History,
    users: Users,
    settings: Simulation,
    rng: np.random.Generator,
    widget: Widget | None = None,
) -> Life:
    """Simulate all days."""
    days = settings.days
    tastes = Tastes.at_first(users, rng)
    seen, agenda, shown = Seen(len(ads.born_N)), _Agenda(days), []
    until_N = np.minimum(ads.died_N, days * DAY)
    streams = [own.spawn(6) for own in rng.spawn(days)]
    daily = offers(ads, history, [own[0] for own in streams])
    for offer, own in track(zip(daily, streams, strict=True), "simulating days", total=days):
        day = offer.day
        tastes = tastes.next_day(own[1])
        visits = draw_visits(users, tastes, day, (settings.start.weekday() + day) % 7, own[2])
        choices = draw_choices(offer, visits, users, tastes, seen, own[3])
        if widget is not None and day >= widget.from_day:
            impressions, clicks = meet(widget, offer, visits, users, tastes, agenda.until(day), own[5])
            shown.append(impressions)
            choices = Choices.joined([choices, clicks])
        looks = seen.first_looks(choices)  # what follows a look is drawn once, however often an ad was opened
        agenda.add(draw_chains(looks, zeal(_standard(looks.fit_P)), until_N[looks.item_P], own[4]))
        seen.forget(until_N < (day + 1) * DAY)
        agenda.end(day)
    return Life(agenda.until(days), tastes, _joined(shown))


class _Agenda:
    """Events by day: those of days that are over, and those that lie ahead."""

    def __init__(self, days: int) -> None:
        self._ahead: list[list[Events]] = [[] for _ in range(days)]
        self._over: list[Events] = []

    def add(self, events: Events) -> None:
        """Put events, of today or later, on their days."""
        order_E = np.argsort(events.time_E, kind="stable")
        events = events.take(order_E)
        cuts = np.searchsorted(events.time_E, np.arange(len(self._ahead) + 1) * DAY)
        for day in np.flatnonzero(np.diff(cuts)):
            self._ahead[day].append(events.take(slice(cuts[day], cuts[day + 1])))

    def end(self, day: int) -> None:
        """Close a day: all that happened on it is known."""
        self._over.append(Events.joined(self._ahead[day]).in_order())
        self._ahead[day] = []

    def until(self, day: int) -> Events:
        """Return all events before a day, none of which is ahead."""
        return Events.joined(self._over[:day])


def _standard(fit_P: Floats) -> Floats:
    """Give fits as standard scores."""
    if not len(fit_P):
        return fit_P
    standard_P: Floats = (fit_P - fit_P.mean()) / np.float32(max(float(fit_P.std()), 1e-9))
    return standard_P


def _joined(shown: list[Impressions]) -> Impressions:
    """Put the days' impressions one after the other; the longest lists give K."""
    width = max((day.lists_IK.shape[1] for day in shown), default=0)
    nothing = np.zeros(0, np.int64)
    empty = Impressions(nothing, nothing, np.zeros((0, width), np.int32), np.zeros((0, width), np.bool_))
    days = [empty, *shown]
    spare = [((0, 0), (0, width - day.lists_IK.shape[1])) for day in days]
    lists = [np.pad(d.lists_IK, s, constant_values=NO_ITEM) for d, s in zip(days, spare, strict=True)]
    opened = [np.pad(d.opened_IK, s) for d, s in zip(days, spare, strict=True)]
    return Impressions(
        np.concatenate([d.user_I for d in days]),
        np.concatenate([d.time_I for d in days]),
        np.concatenate(lists),
        np.concatenate(opened),
    )
