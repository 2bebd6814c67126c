"""RankingService: a list for everybody, always: the whole path, or the best that is left of it.

    whole path ──▶ "cosine": no RankNet ──▶ "cached": his last list ──▶ "popular" ──▶ Unavailable

A list by the whole path, but from the last profile that is known of its user, is "stale". A request pins one
bundle: all representations, e_u and logits of its list are of that bundle.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from dlrs.candidates.filtering.filters import Filter
from dlrs.candidates.filtering.relaxing import Step
from dlrs.errors import StorageFull, Unavailable
from dlrs.service.bundle import ServingBundle
from dlrs.service.clock import Clock
from dlrs.service.metrics import Metrics
from dlrs.service.random_names import new_name
from dlrs.service.ranking import crowds
from dlrs.service.ranking.asking import Askers, Page
from dlrs.service.ranking.explaining import Explaining
from dlrs.service.ranking.given import given_profile
from dlrs.service.ranking.guard import OUTCOMES, THREADS, Deadline, Guard
from dlrs.service.ranking.moment.ordering import Find, Moments, no_moment
from dlrs.service.ranking.pinning import Held, in_one_bundle
from dlrs.service.ranking.users import Users
from dlrs.service.ranking.whole_path import Asked, WholePath
from dlrs.service.ranking.wishes import Found, Wish
from dlrs.service.ranking.worse_times import WorseTimes
from dlrs.service.seams import Answer, CandidateSource, Event, Number, Profile, ProfileSource, UsersFound
from dlrs.service.stores import Decision, DecisionStore
from dlrs.service.timing import Stages

log = logging.getLogger(__name__)


class RankingService:
    """The Ranking Service. All threads share one; `start` begins what it does in the background."""

    def __init__(
        self,
        profiles: ProfileSource,
        candidates: CandidateSource,
        decisions: DecisionStore,
        held: Held,
        clock: Clock,
        metrics: Metrics,
        *,
        count: int | None = None,
        deadline: float = 0.25,
        near: Collection[Literal["profiles", "candidates"]] = (),
        moment: Find = no_moment,
    ) -> None:
        """Take the other services, and who keeps decisions.

        Args:
            profiles: the User Profile API.
            candidates: the Candidate Service.
            decisions: where each answer is kept.
            held: the bundles.
            clock: the time of decisions.
            metrics: what is counted.
            count: T; None: the recipe's.
            deadline: seconds in which a list must be there, degraded if need be.
            near: which of the services answer from this very process, without waiting for another (`Guard`).
            moment: what is known now in a bundle that has a ranker of the moment.
        """
        self.decisions, self.clock = decisions, clock
        self._held, self._metrics, self._seconds = held, metrics, deadline
        of_profiles, of_candidates = self._guards = (
            _guard("profiles", near, metrics),
            _guard("candidates", near, metrics),
        )
        self._timers: dict[str, Any] = {}  # of the stages
        self._explaining, self._askers = Explaining(held), Askers()
        self._moments = Moments(moment, clock)
        self._users = Users(profiles, of_profiles, held, clock, metrics)
        self._crowds = crowds.Crowds(profiles, self._askers)
        self._path = WholePath(candidates, of_candidates, self._askers, self._moments, metrics, count)
        self._worse = WorseTimes(profiles, candidates, of_candidates, held)

    def start(self) -> None:
        """Follow what is gone and what is popular until `stop`."""
        self._worse.start()

    def stop(self) -> None:
        """Stop following. Calls that hang are left to themselves."""
        self._worse.stop()
        for guard in self._guards:
            guard.close()

    def refresh(self) -> None:
        """Look at what is popular now, as the background does every now and then. Unavailable, too."""
        self._worse.refresh()

    def forget(self, user_id: str) -> None:
        """Drop all that is in memory of a user: he is erased."""
        self._users.forget(user_id)
        self._worse.forget(user_id)
        self._askers.forget(user_id)
        self._crowds.forget(user_id)
        self._moments.forget(user_id)
        self._explaining.forget(user_id)

    def guest(self, events: Sequence[Event]) -> Profile:
        """Return the profile that a guest's events make. Unavailable, too."""
        return self._users.guest(events, Deadline(self._seconds))

    def given(self, values: Mapping[str, Mapping[str, float]], numbers: Mapping[str, Number]) -> Profile:
        """Return the profile that a request brings with it. RequestError where features are none."""
        held = self._held()
        if not held:
            raise Unavailable("bundles: expected one to serve, received none yet. Ask again soon.")
        return given_profile(values, numbers, held[0].recipe.marketplace.features)

    def recommend(
        self,
        user_id: str | None,
        k: int,
        *,
        page: Page = "home",
        filters: Sequence[Filter] = (),
        relax: Sequence[Step] = (),
        profile: Profile | None = None,
        explain: bool = True,
    ) -> Answer:
        """Return the best k items for a user, or for whoever has this profile.

        Raises:
            RequestError: a filter does not fit, or a step none of the filters.
            Unavailable: not even what is popular is known.
        """
        wish = Wish(user_id, k, page, tuple(filters), tuple(relax), explain)
        deadline, stages = Deadline(self._seconds), Stages()
        known, stale = self._known(wish, profile, deadline, stages)
        found = self._whole(known, stale, wish, deadline, stages)
        if found is None:
            with stages.stage("fallback"):
                found = self._worse.list(known, wish, deadline)
        answer = self._answer(wish, found, known, stages, wish.to_json())
        self._worse.keep(wish, found, answer.decision_id)
        return answer

    def similar(self, item_id: str, k: int, filters: Sequence[Filter] = ()) -> Answer | None:
        """Return the k items nearest to one; None if it is not there.

        Raises:
            RequestError: a filter does not fit.
            Unavailable: the Candidate Service does not answer.
        """
        wish = Wish(None, k, "home", tuple(filters), explain=False)
        deadline, stages = Deadline(self._seconds), Stages()

        def near(bundle: ServingBundle) -> Found | None:
            return self._path.near(Asked(NOBODY, wish, bundle, deadline, stages), item_id)

        if (found := in_one_bundle(self._held, deadline, near)) is None:
            return None
        return self._answer(wish, found, None, stages, {**wish.to_json(), "similar": item_id})

    def users_for(self, item_id: str, k: int) -> UsersFound | None:
        """Return the k users that suit an item best, None if it is not there. No decision is kept of it.

        Raises:
            ArtifactError: an older dlrs made the bundle, which has no users to find.
            Unavailable: a service does not answer, or there are many users to look at first; ask again.
        """
        wish, stages = Wish(None, k, explain=False), Stages()
        deadline = Deadline(max(self._seconds, crowds.PATIENCE))  # for jobs: nobody waits for a page

        def found(bundle: ServingBundle) -> UsersFound | None:
            asked = Asked(NOBODY, wish, bundle, deadline, stages)
            one = self._path.represent(asked, [item_id])
            described = self._path.described([(id, 0.0) for id in one.ids], asked)
            if not described:
                return None
            item = crowds.Asked(item_id, described[0].features, one.items)
            return UsersFound(bundle.id, item_id, self._crowds.best(bundle, item, k))

        return in_one_bundle(self._held, deadline, found)

    def rank(
        self, user_id: str | None, ids: Sequence[str], profile: Profile | None = None
    ) -> tuple[Answer, list[str]]:
        """Return a given list in the order that suits a user best, and which of its ids are not there.

        Raises:
            Unavailable: a service does not answer.
        """
        distinct = list(dict.fromkeys(ids))
        wish = Wish(user_id, len(distinct), explain=False)
        deadline, stages = Deadline(self._seconds), Stages()
        known, stale = self._known(wish, profile, deadline, stages)
        if known is None:
            raise Unavailable("profiles: expected an answer in time, received none. Ask again soon.")

        def ordered(bundle: ServingBundle) -> Found:
            return self._path.order(Asked(known, wish, bundle, deadline, stages), distinct)

        found = in_one_bundle(self._held, deadline, ordered)
        found = replace(found, degraded="stale" if stale else None)
        there = {item.id for item in found.items}
        answer = self._answer(wish, found, known, stages, {**wish.to_json(), "rank": len(distinct)})
        return answer, [id for id in distinct if id not in there]

    def _known(
        self, wish: Wish, profile: Profile | None, deadline: Deadline, stages: Stages
    ) -> tuple[Profile | None, bool]:
        if profile is not None:
            return profile, False
        with stages.stage("profile"):
            return self._users.profile(wish, deadline)

    def _whole(
        self, profile: Profile | None, stale: bool, wish: Wish, deadline: Deadline, stages: Stages
    ) -> Found | None:
        """Return the list of the whole path, None where it cannot be had now."""
        if profile is None:
            return None

        def find(bundle: ServingBundle) -> Found:
            found = self._path.find(Asked(profile, wish, bundle, deadline, stages))
            return replace(found, degraded=found.degraded or "stale") if stale else found

        try:
            return in_one_bundle(self._held, deadline, find)
        except (Unavailable, StorageFull) as error:
            log.info("Not the whole path: %s", error)
            return None

    def _answer(
        self, wish: Wish, found: Found, profile: Profile | None, stages: Stages, request: Mapping[str, Any]
    ) -> Answer:
        items = found.items
        if wish.explain and profile is not None:
            with stages.stage("reasons"):
                items = self._explaining.explained(items, profile, found.bundle_id)
        answer = Answer(
            new_name(16),
            found.bundle_id,
            wish.user_id,
            items,
            found.degraded,
            found.basis,
            found.filters,
            found.steps,
            found.shortfall,
            stages.spent,
        )
        self._count(answer)
        self.decisions.keep(_decision(answer, found, self.clock(), request))
        return answer

    def _count(self, answer: Answer) -> None:
        for name, spent in answer.stages.items():
            if (timer := self._timers.get(name)) is None:
                timer = self._timers[name] = self._metrics.stage.labels(name)
            timer.observe(spent / 1e3)
        if answer.degraded is not None:
            self._metrics.degraded.labels(answer.degraded).inc()


def _guard(name: Literal["profiles", "candidates"], near: Collection[str], metrics: Metrics) -> Guard:
    counters = {outcome: metrics.calls.labels(name, outcome) for outcome in OUTCOMES}
    return Guard(name, threads=0 if name in near else THREADS, count=lambda outcome: counters[outcome].inc())


NOBODY = Profile(None, "", 0, {}, {}, {}, (), ())


def _more(found: Found) -> dict[str, str]:
    """Return which one ranked, where it was not the network, and which list this is once more."""
    ranker: dict[str, str] = {} if found.ranker == "network" else {"ranker": found.ranker}
    return ranker if found.of is None else {**ranker, "of": found.of}


def _decision(answer: Answer, found: Found, time: int, request: Mapping[str, Any]) -> Decision:
    return Decision(
        answer.decision_id,
        time,
        answer.user_id,
        found.bundle_id or "",
        found.seq,
        {**request, "basis": found.basis, "steps": found.steps, **_more(found)},
        found.encoded,
        found.candidates,
        [(item.id, item.score) for item in found.items],
        found.degraded,
    )
