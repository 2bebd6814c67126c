"""Moment contenders: the ranker of a moment, fitted for a static test or for one that replays the log.

Each learns from requests as they will be asked: for a static test at cuts before the cut, for what users
turned to within as long as the test lasts; for a replay at the interactions of the last periods, from what
was known at each with the stated delay.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from dlrs.contenders.at_cut import Build, Offer
from dlrs.data.interactions import ALL_TIME, Interactions, micros
from dlrs.errors import DataError
from dlrs.prepared import Prepared
from dlrs.profiles.reach import Reach
from dlrs.ranking.moments import MomentRetrieval
from dlrs.ranking.past import Items, Past, windows_of
from dlrs.ranking.requests import Answered, answered, interactions_as_requests
from dlrs.recommenders.moment import AtCut, MomentRecommender
from dlrs.training.ranking import Settings, lists_of, train_ranker


@dataclass(frozen=True)
class Learning:
    """From how many requests of how much of the log the ranker learns."""

    periods: int = 3  # before the fit, each `profiles.refresh` long
    requests: int = 20_000
    ranker: Settings = field(default_factory=Settings)


class MomentModels:
    """Rankers of a data set: the log is sorted once, and read only before each moment."""

    def __init__(
        self,
        prepared: Prepared,
        learning: Learning,
        *,
        until: int | None = None,
        retrieval: Callable[[Past], MomentRetrieval] | None = None,
        since: int | None = None,
        reach: Reach | None = None,
    ) -> None:
        """Sort the log up to `until`, or all of it; windows fit what came before the test.

        `retrieval` is a first stage over that log. Then `since` is when what it learned from ends: the ranker
        learns from later requests only, or it would take what the first stage knows by heart for insight.
        `reach` is how far back what a user did says something of him; for ever if it is None.

        Raises:
            DataError: nothing happened before the test.
        """
        whole, first_cut = prepared.interactions, int(prepared.starts_Q[-1])
        log = whole if until is None else whole.between(ALL_TIME, until)
        before = log.between(ALL_TIME, min(first_cut, first_cut if until is None else until))
        _require_events(before, first_cut)
        self.prepared, self.learning, self.since = prepared, learning, since
        self.past = Past(log, Items.of(prepared), windows=windows_of(before), reach=reach)
        self.retrieval = None if retrieval is None else retrieval(self.past)

    def at_cut(self, cut: int, horizon: int) -> Callable[[Offer], AtCut]:
        """Fit a ranker for what users turn to in [cut, cut + horizon), and return it as a contender."""
        recommender = self._fitted(self._at_cuts_before(cut, horizon))
        return lambda offer: AtCut(recommender, cut, offer.items_A)

    def live(self, until: int, *, step: int, delay: int) -> MomentRecommender:
        """Fit a ranker on the interactions before `until`, each asked at its own moment.

        Args:
            until: nothing at or after it is learned from, or known.
            step: microseconds: interactions of one are asked together, as of its start.
            delay: microseconds from an event to when it is known.
        """
        learning, log = self.learning, self.past.log.between(ALL_TIME, until)
        asked = interactions_as_requests(
            log,
            since=max(until - learning.periods * self._refresh, self._since),
            until=until,
            step=step,
            delay=delay,
            items=self.past.items.catalog.items,
            most=learning.requests,
            seed=learning.ranker.seed,
        )
        return self._fitted(asked)

    @property
    def _refresh(self) -> int:
        return int(self.prepared.recipe.marketplace.profiles.refresh.total_seconds() * 1_000_000)

    @property
    def _since(self) -> int:
        return ALL_TIME if self.since is None else self.since

    def _at_cuts_before(self, cut: int, horizon: int) -> Answered:
        log, learning = self.past.log.between(ALL_TIME, cut), self.learning
        active = int(self.prepared.recipe.marketplace.profiles.window.total_seconds() * 1_000_000)
        latest = cut - horizon
        earliest = max(int(log.time_E[0]) + self._refresh, self._since)
        moments = list(range(latest, earliest - 1, -self._refresh))
        if not moments:
            raise DataError(
                f"ranker: expected a log that begins {horizon + self._refresh} µs before the cut {cut}, "
                f"received one that begins at {log.time_E[0]}. Shorten the test, or move the split."
            )
        return answered(
            log,
            moments,
            horizon=horizon,
            active=active,
            users=len(self.prepared.user_ids),
            items=self.past.items.catalog.items,
            most=-(-learning.requests // len(moments)),
            seed=learning.ranker.seed,
        )

    def _fitted(self, asked: Answered) -> MomentRecommender:
        settings = self.learning.ranker
        net = train_ranker(lists_of(self.past, asked, settings, self.retrieval), settings)
        return MomentRecommender(self.past, net, settings.sizes, self.retrieval)


def static_ranker(prepared: Prepared, learning: Learning) -> Build:
    """Fit a ranker for the static test of a data set: from what came before the cut, and nothing else."""
    split = prepared.recipe.marketplace.split
    cut, until = micros(split.test_from), micros(split.test_until)
    return MomentModels(prepared, learning, until=cut).at_cut(cut, until - cut)


def _require_events(before: Interactions, cut: int) -> None:
    if not len(before):
        raise DataError(
            f"ranker: expected events before {np.datetime64(cut, 'us')}Z, received none. Move the split."
        )
