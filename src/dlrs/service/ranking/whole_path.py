"""WholePath: profile → queries → candidates → ranking → the best k, all in one bundle.

What ranks is RankNet, or the bundle's ranker of the moment, which proposes candidates, too.

T candidates
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from dlrs.arrays import Floats, Ints
from dlrs.candidates.filtering.filters import Filter
from dlrs.candidates.filtering.shortfall import Shortfall
from dlrs.errors import Unavailable, WrongBundle
from dlrs.service.bundle import ServingBundle
from dlrs.service.metrics import Metrics
from dlrs.service.ranking.asking import Asker, Askers, near_himself
from dlrs.service.ranking.guard import Deadline, Guard
from dlrs.service.ranking.moment.ordering import MomentAsked, Moments
from dlrs.service.ranking.ordering import best, logits
from dlrs.service.ranking.wishes import Found, Wish
from dlrs.service.seams import CandidateAnswer, CandidateRequest, CandidateSource, Profile, Query, Ranked
from dlrs.service.timing import Stages

log = logging.getLogger(__name__)

SPARE = 4
"""Items looked for beside the k: for those that go at this very moment."""

RANKING = 0.01
"""Seconds that RankNet may need; with less left its order is done without."""

SEARCH = 0.8
"""The share of the time left that a search for candidates may take."""


@dataclass(frozen=True)
class Asked:
    """One request on its way: all of it in one bundle."""

    profile: Profile
    wish: Wish
    bundle: ServingBundle
    deadline: Deadline
    stages: Stages


class WholePath:
    """Makes lists by the whole path. All threads share one."""

    def __init__(
        self,
        candidates: CandidateSource,
        guard: Guard,
        askers: Askers,
        moments: Moments,
        metrics: Metrics,
        count: int | None,
    ) -> None:
        """Take the Candidate Service behind its guard; `count` is T unless the recipe's counts."""
        self._candidates, self._guard, self._askers = candidates, guard, askers
        self._moments, self._metrics, self._count = moments, metrics, count

    def find(self, asked: Asked) -> Found:
        """Return a list; one of popular items for a user of whom nothing is known.

        Raises:
            WrongBundle: the Candidate Service holds other bundles.
            Unavailable: it does not answer in time.
            RequestError: a filter does not fit.
        """
        rungs = asked.wish.rungs(asked.profile, asked.bundle.recipe.marketplace.features)
        at = self._moment(asked)
        if is_unknown(asked.profile) and at is None:
            return self._popular(asked, rungs)
        return self._ranked(asked, rungs, at)

    def order(self, asked: Asked, ids: Sequence[str]) -> Found:
        """Return some given items, all that are there, in the order of RankNet."""
        answer = self.represent(asked, ids)
        asker = self._askers.of(asked.profile, asked.bundle, asked.wish.page)
        at = self._moment(asked)
        with asked.stages.stage("rank"):
            scores_T = _scores(asked.bundle, asker, answer, at)
            order_T = best(scores_T, answer.ids, len(answer.ids))
        items = self.described([(answer.ids[t], float(scores_T[t])) for t in order_T], asked)
        return Found(
            asked.bundle.id, answer.seq, items, answer.ids, asker.encoded, ranker=_ranker(at, scores_T)
        )

    def near(self, asked: Asked, item_id: str) -> Found | None:
        """Return what is nearest to an item, by similarity; None if it is not there."""
        (filters,) = asked.wish.rungs(None, asked.bundle.recipe.marketplace.features)
        one = self.represent(asked, [item_id])
        if not one.ids:
            return None
        query, most = Query(one.items.embedding_ND[0]), asked.wish.k + SPARE
        answer = self._search(asked, CandidateRequest(asked.bundle.id, (query,), most, (item_id,), filters))
        items, ids = self._best(asked, answer, None)
        shortfall = shortened(answer.shortfall, asked.wish.k, len(items)) if filters else None
        return Found(asked.bundle.id, answer.seq, items, ids, filters=filters, shortfall=shortfall)

    def represent(self, asked: Asked, ids: Sequence[str]) -> CandidateAnswer:
        """Return what ItemNet made of those of some items that are there."""
        with asked.stages.stage("represent"):
            return self._call(asked, lambda: self._candidates.represent(asked.bundle.id, ids))

    def _moment(self, asked: Asked) -> MomentAsked | None:
        """Return what the bundle's ranker of the moment knows; None where another one ranks."""
        if asked.wish.page == "wishlist":  # near what he did more with than look, whatever happens now
            return None
        with asked.stages.stage("moment"):
            return self._moments.asked(asked.profile, asked.bundle)

    def _look(
        self,
        asked: Asked,
        asker: Asker,
        filters: tuple[Filter, ...],
        count: int,
        also: Sequence[str] = (),
    ) -> CandidateAnswer:
        known = asked.wish.known(asked.profile)
        return self._search(
            asked,
            CandidateRequest(asked.bundle.id, asker.queries, count, known, filters, asker.popular, also),
        )

    def _search(self, asked: Asked, request: CandidateRequest) -> CandidateAnswer:
        with asked.stages.stage("candidates"):
            return self._call(asked, lambda: self._candidates.candidates(request))

    def described(self, ranked: Sequence[tuple[str, float]], asked: Asked) -> list[Ranked]:
        """Return ids and scores with features as they are now, without what is gone: the last look."""
        with asked.stages.stage("items"):
            ids = [id for id, _ in ranked]
            items = self._guard.call(lambda: self._candidates.items(ids), asked.deadline.left)
        return [
            Ranked(id, score, items[id].features)
            for id, score in ranked
            if id in items and not items[id].gone
        ]

    def _call(self, asked: Asked, ask: Callable[[], CandidateAnswer]) -> CandidateAnswer:
        answer = self._guard.call(ask, SEARCH * asked.deadline.left)
        if answer.bundle_id != asked.bundle.id:
            raise WrongBundle(asked.bundle.id, [answer.bundle_id])
        return answer

    def _ranked(self, asked: Asked, rungs: Sequence[tuple[Filter, ...]], at: MomentAsked | None) -> Found:
        with asked.stages.stage("encode"):
            asker = self._askers.of(asked.profile, asked.bundle, asked.wish.page)
        answer, steps = self._climb(asked, asker, rungs, at)
        self._metrics.candidates.observe(len(answer.ids))
        with asked.stages.stage("rank"):
            scores_T = self._logits(asked, asker, answer, at)
        items, ids = self._best(asked, answer, scores_T)
        return Found(
            asked.bundle.id,
            answer.seq,
            items,
            ids,
            asker.encoded,
            "cosine" if scores_T is None else None,
            "popular" if is_unknown(asked.profile) else "profile",
            filters=rungs[steps],
            steps=steps,
            shortfall=shortened(answer.shortfall, asked.wish.k, len(items)) if rungs[steps] else None,
            ranker=_ranker(at, scores_T),
        )

    def _climb(
        self, asked: Asked, asker: Asker, rungs: Sequence[tuple[Filter, ...]], at: MomentAsked | None
    ) -> tuple[CandidateAnswer, int]:
        """Return the candidates of the first rung with enough; of the last one that was reached in time."""
        count = max(self._count or asked.bundle.recipe.candidates.count, asked.wish.k)
        also: Sequence[str] = ()
        if at is not None:
            asker, also = near_himself(asker), at.proposed()
            if not rungs[0]:  # few of what is proposed pass filters
                count = max(at.nearest, asked.wish.k)
        steps, answer = 0, self._look(asked, asker, rungs[0], count, also)
        while len(answer.ids) < asked.wish.k and steps + 1 < len(rungs):
            try:
                answer = self._look(asked, asker, rungs[steps + 1], count, also)
            except Unavailable:
                break
            steps += 1
        return answer, steps

    def _logits(
        self, asked: Asked, asker: Asker, answer: CandidateAnswer, at: MomentAsked | None
    ) -> Floats | None:
        """Return the scores, None where what ranks fails or there is no time for it."""
        if asked.deadline.left < RANKING:
            return None
        try:
            return _scores(asked.bundle, asker, answer, at)
        except Exception:
            log.exception("Ranking failed; the candidates keep the order in which they came")
            return None

    def _best(
        self, asked: Asked, answer: CandidateAnswer, scores_T: Floats | None
    ) -> tuple[list[Ranked], Sequence[str]]:
        """Return the best k that are there, and the candidates without those that just went."""
        k = most = asked.wish.k
        while True:
            places = _order(answer, scores_T, most)
            scores = answer.similarity_T if scores_T is None else scores_T
            ranked = [(answer.ids[t], float(scores[t])) for t in places.tolist()]
            items = self.described(ranked, asked)
            if len(items) >= k or most >= len(answer.ids):
                went = {id for id, _ in ranked}.difference(item.id for item in items)
                return items[:k], [id for id in answer.ids if id not in went] if went else answer.ids
            most = k + SPARE if most == k else len(answer.ids)

    def _popular(self, asked: Asked, rungs: Sequence[tuple[Filter, ...]]) -> Found:
        """Return what is popular, and behind it, where that is too little, what suits an average user."""
        k, known = asked.wish.k, set(asked.wish.known(asked.profile))
        blank = self._askers.of(asked.profile, asked.bundle)
        items: list[Ranked] = []
        looked_at: list[str] = []
        steps, seq, shortfall, encoded = -1, 0, None, b""
        while len(items) < k and steps + 1 < len(rungs):
            steps += 1
            ids = self._popular_ids(asked, rungs[steps], k + SPARE + len(known))
            looked_at = [id for id in ids if id not in known]
            items = self.described([(id, 0.0) for id in looked_at], asked)[:k]
            if len(items) < k:
                more = self._look(asked, blank, rungs[steps], k + SPARE)
                there = {item.id for item in items}
                others = [(id, 0.0) for id in more.ids if id not in there]
                items = [*items, *self.described(others, asked)][:k]
                looked_at, encoded = list(dict.fromkeys([*looked_at, *more.ids])), blank.encoded
                seq, shortfall = more.seq, shortened(more.shortfall, k, len(items))
        return Found(
            asked.bundle.id,
            seq,
            items,
            looked_at,
            encoded,
            basis="popular",
            filters=rungs[steps],
            steps=steps,
            shortfall=shortfall if rungs[steps] else None,
        )

    def _popular_ids(self, asked: Asked, filters: tuple[Filter, ...], count: int) -> Sequence[str]:
        with asked.stages.stage("candidates"):
            return self._guard.call(
                lambda: self._candidates.popular(asked.bundle.id, count, filters),
                SEARCH * asked.deadline.left,
            )


def is_unknown(profile: Profile) -> bool:
    """Tell whether nothing is known of a user: no event, no value, no features of his own."""
    return not (profile.events or any(profile.values.values()) or profile.numbers or profile.own)


def shortened(shortfall: Shortfall | None, asked: int, found: int) -> Shortfall | None:
    """Return why a list of the best k is short, by what was said of its candidates, which were to be more."""
    if shortfall is None or found >= asked:
        return None
    reason: Literal["few pass", "known"] = "known" if shortfall.matching >= asked else "few pass"
    return replace(shortfall, reason=reason, asked=asked, found=found)


def _scores(bundle: ServingBundle, asker: Asker, answer: CandidateAnswer, at: MomentAsked | None) -> Floats:
    """Return the score of each candidate: of the network, or of the ranker of the moment behind it."""
    logits_T = logits(bundle.nets, asker.user, answer.items)
    if at is None:
        return logits_T
    return at.scores(answer.ids, logits_T - answer.items.wide_N)  # it knows how items stand by itself


def _ranker(at: MomentAsked | None, scores_T: Floats | None) -> Literal["network", "moment"]:
    return "network" if at is None or scores_T is None else "moment"


def _order(answer: CandidateAnswer, scores_T: Floats | None, most: int) -> Ints:
    if scores_T is None:  # the order in which they came: nearest first, each source by its share
        return np.arange(min(most, len(answer.ids)))
    return best(scores_T, answer.ids, most)
