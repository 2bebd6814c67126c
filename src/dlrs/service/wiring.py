"""Wiring: the one place where the parts of the service are put together.

    settings ──▶ database ──▶ stores ─┐
    registry ──▶ bundles held ────────┼──▶ candidates ──▶ profiles ──▶ ranking ──▶ routes ──▶ app
    URLs ──────▶ clients ─────────────┘

What is not in this process is a client of the one where it is; nobody but this module knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Literal

import httpx
from fastapi import APIRouter, FastAPI

from dlrs.bundle import Folder, current_bundle
from dlrs.errors import Unavailable
from dlrs.past.moments import BundledMoment
from dlrs.past.stored import Past
from dlrs.recipe import Recipe
from dlrs.schema import Features
from dlrs.service import replaying
from dlrs.service.bundle import ServingBundle
from dlrs.service.bundles.held import Held
from dlrs.service.candidates.candidate_service import CandidateService
from dlrs.service.candidates.catalogue import Catalogue, sweep
from dlrs.service.candidates.client import HttpCandidates
from dlrs.service.candidates.routes import router as candidate_routes
from dlrs.service.clock import Clock, clock
from dlrs.service.database.database import Database
from dlrs.service.forgetting import Forgetting, ForgettingUsers
from dlrs.service.http.access import Access, open_access
from dlrs.service.http.app import Limits, create_app
from dlrs.service.http.health import Check
from dlrs.service.http.logs import start_logs
from dlrs.service.http.quick import Quickly
from dlrs.service.metrics import Metrics
from dlrs.service.page.errors import PageErrors
from dlrs.service.page.routes import Page
from dlrs.service.page.routes import router as page_routes
from dlrs.service.profiles.client import HttpProfiles
from dlrs.service.profiles.routes import router as profile_routes
from dlrs.service.profiles.source import UserProfiles
from dlrs.service.ranking.moment.live_moment import LiveMoment
from dlrs.service.ranking.quick_lists import QuickLists
from dlrs.service.ranking.ranking_service import RankingService
from dlrs.service.ranking.routes import router as ranking_routes
from dlrs.service.seams import CandidateSource, Erased, ProfileSource
from dlrs.service.settings import Settings, database_url
from dlrs.service.warming import arrays_of, warm

WAITING_READS = 16  # of a process that asks others over the network: they wait, and cost it little
EXAMPLES = 12  # users that the page offers to begin with
FAR_BEHIND = 1000  # changes of items that the index may lack and still be called ready


@dataclass(frozen=True)
class Loaded:
    """What is only read of a bundle: workers share it from before they are forked."""

    bundle: ServingBundle
    past: Past
    moment: BundledMoment | None

    @classmethod
    def of(cls, folder: Folder) -> Loaded:
        """Read a bundle, and look at its items."""
        bundle = ServingBundle.load(folder)
        _ = bundle.items, bundle.common  # now: no request waits for them
        past = Past.open(folder.path, bundle.recipe.marketplace.features)
        return cls(bundle, past, BundledMoment.open(folder.path))


@dataclass(frozen=True)
class Serving:
    """A bundle, and its catalogue where this process has the Candidate Service."""

    loaded: Loaded
    catalogue: Catalogue | None
    moment: LiveMoment | None = None  # where this process ranks, and the bundle has a ranker of the moment

    def warm(self) -> None:
        """Have all that a request may read in reach."""
        arrays, tables = arrays_of(self.loaded.past.arrays), []
        if self.catalogue is not None:
            arrays += arrays_of(self.catalogue.live.view().snapshot.items)
            records = self.catalogue.items.records
            arrays += records.arrays
            tables.append(records.table)
        if self.loaded.moment is not None:
            arrays += arrays_of(self.loaded.moment.stored.arrays)
        warm(arrays, tables)


@dataclass(frozen=True)
class Service:
    """The application, and what to say of it at the start."""

    app: FastAPI
    says: Sequence[str]


def read(settings: Settings) -> Loaded:
    """Read the current bundle. It starts no thread and connects to nothing."""
    return Loaded.of(current_bundle(settings.registry))


@contextmanager
def opened(settings: Settings, loaded: Loaded) -> Iterator[Service]:
    """Put everything together, and take it apart in the opposite order."""
    log, metrics = start_logs(), Metrics()
    access = open_access(settings.keys)
    with ExitStack() as stack:
        parts = _Parts(settings, loaded, metrics, stack)
        app = create_app(
            parts.routers(),
            access=access,
            metrics=metrics,
            log=log,
            checks=parts.checks(),
            limits=_limits(settings),
            quickly=parts.quickly(),
            pages=parts.pages(),
        )
        yield Service(app, says(settings, loaded, access))


def says(settings: Settings, loaded: Loaded, access: Access | None = None) -> list[str]:
    """Return what to print at the start: the bundle, the time, who may do what."""
    bundle = loaded.bundle
    lines = [f"bundle {bundle.id} of {bundle.watermark.isoformat()}, from {settings.registry}"]
    now = datetime.fromtimestamp(clock(settings.clock_offset)() / 1e6, UTC)
    if settings.clock_offset:
        lines.append(f"it is {now.isoformat(timespec='seconds')} here (--as-of)")
    if now - bundle.watermark > _window(bundle.recipe):
        lines.append(
            f"warning: what the bundle knows of users ended {(now - bundle.watermark).days} days ago, longer "
            "than profiles look back: lists are the same for everybody. For an old log: --as-of watermark"
        )
    return [*lines, (access or open_access(settings.keys)).says()]


def replayed(decision: str, registry: Path, url: str, against: str | None) -> str:
    """Replay a decision of a database, in words."""
    database = Database.open(url)
    try:
        return replaying.replay_text(database.decisions, decision, registry, database.items, against)
    finally:
        database.close()


class _Parts:
    """The parts of one process, each opened once, closed by the stack."""

    def __init__(self, settings: Settings, loaded: Loaded, metrics: Metrics, stack: ExitStack) -> None:
        self._settings, self._metrics, self._stack = settings, metrics, stack
        self._first = loaded
        self._clock: Clock = clock(settings.clock_offset)
        self._database = Database.open(
            database_url(settings.database, settings.state),
            decisions=settings.decisions,
            dropped=metrics.decisions_dropped.inc,
        )
        stack.callback(self._database.close)
        self._held = Held(settings.registry, self._load, self._close)
        stack.callback(self._held.stop)
        self._sweep()
        self._candidates = self._candidate_source()
        self._ranking: RankingService | None = None
        self._profiles = self._profile_source()
        if settings.only in (None, "ranking"):
            self._ranking = self._ranking_service()
        if self._profiles is not None:
            self._follow_erasures(self._profiles)

    def routers(self) -> list[APIRouter]:
        """Return the routes of the services that are in this process."""
        only, routers = self._settings.only, []
        if self._ranking is not None:
            routers.append(ranking_routes(self._ranking))
        if only in (None, "profiles") and self._profiles is not None:
            routers.append(profile_routes(self._profiles, self._features, self._clock))
        if only in (None, "candidates") and isinstance(self._candidates, CandidateService):
            routers.append(candidate_routes(self._candidates, self._features))
        if self._ranking is not None and self._profiles is not None:
            routers.append(page_routes(self._page(self._ranking, self._profiles)))
        return routers

    def quickly(self) -> Quickly | None:
        """Return what answers plain lists, where they are this process's."""
        return None if self._ranking is None else QuickLists(self._ranking, waits=not self._near())

    def pages(self) -> PageErrors | None:
        """Return what shows errors where this process has the page."""
        return None if self._ranking is None else PageErrors()

    def _page(self, ranking: RankingService, profiles: ProfileSource) -> Page:
        return Page(
            ranking,
            profiles,
            self._candidates,
            lambda: self._current()[0],
            self._clock,
            self._metrics,
            self._examples,
        )

    def _examples(self) -> list[str]:
        """Return ids of users to begin with; those that were erased are in the bundle's log only."""
        ids = self._current()[1].some_users(EXAMPLES)
        return [id for id in ids if self._database.users.get(id).erased is None]

    def checks(self) -> Mapping[str, Check]:
        """Return what must be well for this process to be ready."""
        checks: dict[str, Check] = {"database": self._check_database, "bundle": self._check_bundle}
        if self._settings.only in (None, "candidates"):
            checks["index"] = self._check_index
        if self._settings.only in ("ranking", "profiles"):
            checks["candidates"] = _reaches(self._settings.candidates_url)
        if self._settings.only == "ranking":
            checks["profiles"] = _reaches(self._settings.profiles_url)
        return checks

    def _load(self, folder: Folder) -> Serving:
        first = self._first.bundle.id == folder.facts["bundle_id"]
        loaded = self._first if first else Loaded.of(folder)
        with ExitStack() as undo:
            catalogue = self._catalogue(loaded)
            if catalogue is not None:
                undo.callback(catalogue.close)
            serving = Serving(loaded, catalogue, self._live_moment(loaded))
            undo.pop_all()
        self._metrics.bundle.labels(loaded.bundle.id).set(1)
        if first:  # the start does not wait for it
            Thread(target=serving.warm, name="warming", daemon=True).start()
        else:
            serving.warm()
        return serving

    def _catalogue(self, loaded: Loaded) -> Catalogue | None:
        if self._settings.only not in (None, "candidates"):
            return None
        catalogue = Catalogue.open(
            loaded.bundle,
            self._settings.state,
            self._database.items,
            self._metrics,
            fold_at=self._settings.fold_at,
        )
        catalogue.start()
        return catalogue

    def _close(self, serving: Serving) -> None:
        self._metrics.bundle.labels(serving.loaded.bundle.id).set(0)
        if serving.moment is not None:
            serving.moment.stop()
        if serving.catalogue is not None:
            serving.catalogue.close()
            self._sweep()

    def _live_moment(self, loaded: Loaded) -> LiveMoment | None:
        if loaded.moment is None or self._settings.only not in (None, "ranking"):
            return None
        database = self._database
        moment = LiveMoment(
            loaded.bundle, loaded.moment, database.events, database.items, database.users.erased, self._clock
        )
        moment.start()
        return moment

    def _moment(self, bundle_id: str) -> LiveMoment | None:
        held = self._held.held().get(bundle_id)
        return None if held is None else held.moment

    def _sweep(self) -> None:
        """Remove the live indexes of bundles that are not in the registry any more."""
        if self._settings.only in (None, "candidates"):
            sweep(self._settings.state, [folder.name for folder in self._settings.registry.iterdir()])

    def _features(self) -> Features:
        return self._held.current().loaded.bundle.recipe.marketplace.features

    def _catalogues(self) -> Mapping[str, Catalogue]:
        held = self._held.held()
        return {name: one.catalogue for name, one in held.items() if one.catalogue is not None}

    def _candidate_source(self) -> CandidateSource:
        url = self._settings.candidates_url
        if self._settings.only in ("ranking", "profiles") and url is not None:
            client = HttpCandidates.at(url, key=self._settings.services_key)
            self._stack.callback(client.close)
            return client
        return CandidateService(
            self._catalogues, self._database.items, self._clock, self._metrics, self._held.use
        )

    def _profile_source(self) -> ProfileSource | None:
        url = self._settings.profiles_url
        if self._settings.only == "candidates":
            return None
        if self._settings.only == "ranking" and url is not None:
            client = HttpProfiles.at(url, key=self._settings.services_key)
            self._stack.callback(client.close)
            return client
        return UserProfiles(
            self._current,
            self._database.events,
            ForgettingUsers(self._database.users, self._forget),
            self._candidates,
            self._clock,
            self._metrics,
        )

    def _ranking_service(self) -> RankingService:
        assert self._profiles is not None
        ranking = RankingService(
            self._profiles,
            self._candidates,
            self._database.decisions,
            lambda: [one.loaded.bundle for one in self._held.held().values()],
            self._clock,
            self._metrics,
            count=self._settings.count,
            deadline=self._settings.deadline,
            near=self._near(),
            moment=self._moment,
        )
        ranking.start()
        self._stack.callback(ranking.stop)
        return ranking

    def _near(self) -> list[Literal["profiles", "candidates"]]:
        """Return who answers from this process and waits for no other: SQLite's readers wait for nobody."""
        embedded = (self._settings.database or "sqlite").startswith("sqlite")
        return ["profiles", "candidates"] if embedded and self._settings.only is None else []

    def _current(self) -> tuple[ServingBundle, Past]:
        loaded = self._held.current().loaded
        return loaded.bundle, loaded.past

    def _follow_erasures(self, profiles: ProfileSource) -> None:
        decisions = self._database.decisions
        forgetting = Forgetting(profiles.erased, decisions.followed, self._forget_all)
        forgetting.start()
        self._stack.callback(forgetting.stop)

    def _forget_all(self, erased: Erased) -> None:
        for user_id in erased.user_ids:
            self._forget(user_id)
        self._database.decisions.erase(erased)

    def _forget(self, user_id: str) -> None:
        if self._ranking is not None:
            self._ranking.forget(user_id)
        for one in self._held.held().values():
            if one.moment is not None:
                one.moment.forget(user_id)
        if isinstance(self._profiles, UserProfiles):
            self._profiles.forget(user_id)

    def _check_database(self) -> str | None:
        self._database.items.last()
        return None

    def _check_bundle(self) -> str | None:
        self._held.current()
        return None

    def _check_index(self) -> str | None:
        catalogue = self._held.current().catalogue
        behind = self._database.items.last() - (catalogue.live.mark if catalogue else 0)
        return f"{behind} changes of items behind" if behind > FAR_BEHIND else None


def _reaches(url: str | None) -> Check:
    def check() -> str | None:
        try:
            status = httpx.get(f"{url}/health/live", timeout=1.0).status_code
        except httpx.HTTPError as error:
            raise Unavailable(f"{url} does not answer ({type(error).__name__}).") from error
        return None if status == 200 else f"answers with status {status}"

    return check


def _limits(settings: Settings) -> Limits:
    """Return how much there may be at a time: a list may wait two fifths of its time for its place."""
    reads = Limits.reads if settings.only in (None, "candidates") else WAITING_READS
    return Limits(reads=reads, longest_wait=settings.deadline * 0.4, largest_body=settings.largest_body)


def _window(recipe: Recipe) -> timedelta:
    return recipe.marketplace.profiles.window
