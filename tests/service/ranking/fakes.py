"""Small stand-ins for the other services, over the bundle of the test world; slow or broken on demand."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from dlrs.bundle import current_bundle
from dlrs.candidates.bundled import BundledItems
from dlrs.candidates.exact import ExactIndex
from dlrs.candidates.filtering.filters import Filter
from dlrs.candidates.filtering.shortfall import explain
from dlrs.candidates.filtering.where import Where
from dlrs.candidates.generator import Candidates, generate, merge
from dlrs.candidates.vectors import ItemVectors
from dlrs.errors import WrongBundle
from dlrs.folders import RunFolder
from dlrs.publishing.published import Published
from dlrs.schema import ITEM
from dlrs.service.bundle import ServingBundle
from dlrs.service.metrics import Metrics
from dlrs.service.ranking.ranking_service import RankingService
from dlrs.service.seams import CandidateAnswer, CandidateRequest, Event, Gone, Item, Met, Profile, Wanted
from dlrs.service.stores import Decision, ItemChange


@dataclass
class Weather:
    """How a dependency is doing: it sleeps, then raises, before it answers."""

    sleep: float = 0.0
    error: Exception | None = None
    calls: int = 0

    def pass_through(self) -> None:
        self.calls += 1
        if self.sleep:
            time.sleep(self.sleep)
        if self.error is not None:
            raise self.error


class FakeProfiles:
    """Knows the profiles that it is given; everybody else is unknown."""

    def __init__(self) -> None:
        self.weather = Weather()
        self.known: dict[str, Profile] = {}
        self.met: list[tuple[str, int]] = []

    def profile(self, user_id: str, *, described: int = 20) -> Profile:
        self.weather.pass_through()
        return self.known.get(user_id, nobody(user_id))

    def guest(self, events: Sequence[Event], *, described: int = 20) -> Profile:
        self.weather.pass_through()
        history = [Met(event.item_id, event.type, event.time, 1.0) for event in events]
        return replace(nobody(None), history=history, known_ids=[event.item_id for event in events])

    def popular(self, most: int) -> Sequence[tuple[str, int]]:
        self.weather.pass_through()
        return self.met[:most]


class FakeCandidates:
    """The bundle's own items, searched exactly, less those that were deleted."""

    def __init__(self, published: Published, held: Callable[[], Sequence[str]]) -> None:
        self.weather = Weather()
        self.published, self.held = published, held
        self.deleted: dict[str, int] = {}
        self.seq = 0
        self.wrong = 0
        self.before_items: Callable[[], None] = lambda: None
        self._ids: list[str] = published.items[ITEM].to_pylist()
        self._row = {id: row for row, id in enumerate(self._ids)}
        self._items = stored(published).representations
        vectors = ItemVectors(self._items.embedding_ND, published.recipe.candidates.metric)
        self._index = ExactIndex(vectors)

    def delete(self, ids: Sequence[str]) -> Sequence[str]:
        self.seq += 1
        self.deleted.update(dict.fromkeys(ids, self.seq))
        return ids

    def candidates(self, request: CandidateRequest) -> CandidateAnswer:
        self._require(request.bundle_id)
        known = self._rows(request.known_ids)
        known_1N = sparse.csr_array(
            (np.ones(len(known)), (np.zeros(len(known), dtype=np.int64), known)), shape=(1, len(self._ids))
        )
        where = Where(self.published.attributes, request.filters, self._gone_N())
        found = [
            generate(self._index, q.vector_D[None], request.count, known_1N, where) for q in request.queries
        ]
        shares = [query.share for query in request.queries]
        if request.popular:
            rows = np.array([r for r in self._popular(where) if r not in set(known)])[None, : request.count]
            found.insert(0, Candidates(rows, np.zeros(rows.shape, dtype=np.float32)))
            shares.insert(0, request.popular)
        merged = merge(found, shares)
        rows_T = merged.positions_UT[0][merged.positions_UT[0] >= 0][: request.count]
        shortfall = explain(where, request.count, len(rows_T))
        return self._answer(request.bundle_id, rows_T, merged.similarity_UT[0][: len(rows_T)], shortfall)

    def represent(self, bundle_id: str, ids: Sequence[str]) -> CandidateAnswer:
        self._require(bundle_id)
        rows_T = self._rows([id for id in ids if id not in self.deleted])
        return self._answer(bundle_id, rows_T, np.zeros(len(rows_T), dtype=np.float32), None)

    def items(self, ids: Sequence[str]) -> Mapping[str, Item]:
        self.weather.pass_through()
        self.before_items()
        raws = self.published.items.take(self._rows(ids)).to_pylist()
        return {raw[ITEM]: Item(raw[ITEM], raw, raw[ITEM] in self.deleted) for raw in raws}

    def gone(self, after: int) -> Gone:
        self.weather.pass_through()
        return Gone(self.seq, [id for id, seq in self.deleted.items() if seq > after])

    def popular(self, bundle_id: str, count: int, filters: Sequence[Filter] = ()) -> Sequence[str]:
        self._require(bundle_id)
        where = Where(self.published.attributes, tuple(filters), self._gone_N())
        return [self._ids[row] for row in self._popular(where)[:count]]

    def _popular(self, where: Where) -> list[int]:
        recent_N = stored(self.published).retrieval.recent_A
        order = np.argsort(-recent_N, kind="stable")[: np.count_nonzero(recent_N)]
        return order[where.test(order)].tolist()

    def _require(self, bundle_id: str) -> None:
        self.weather.pass_through()
        if bundle_id not in self.held():
            self.wrong += 1
            raise WrongBundle(bundle_id, self.held())

    def _rows(self, ids: Sequence[str]) -> np.ndarray:
        return np.array([self._row[id] for id in ids if id in self._row], dtype=np.int64)

    def _gone_N(self) -> np.ndarray:
        gone_N = np.zeros(len(self._ids), dtype=np.bool_)
        gone_N[self._rows(list(self.deleted))] = True
        return gone_N

    def _answer(
        self, bundle_id: str, rows_T: np.ndarray, similarity_T: np.ndarray, shortfall: Any
    ) -> CandidateAnswer:
        ids = [self._ids[row] for row in rows_T]
        return CandidateAnswer(bundle_id, self.seq, ids, self._items.take(rows_T), similarity_T, shortfall)


class FakeDecisions:
    """Keeps everything."""

    def __init__(self) -> None:
        self.kept: dict[str, Decision] = {}

    def keep(self, decision: Decision) -> None:
        self.kept[decision.id] = decision

    def get(self, id: str) -> Decision | None:
        return self.kept.get(id)


class FakeItemStore:
    """Changes of items, in order."""

    def __init__(self, changes: Sequence[ItemChange] = ()) -> None:
        self.changes = list(changes)

    def at(self, wanted: Sequence[Wanted]) -> Sequence[ItemChange | None]:
        return [
            max(
                (c for c in self.changes if c.item_id == one.item_id and c.time <= one.time),
                key=lambda c: c.seq,
                default=None,
            )
            for one in wanted
        ]


@dataclass
class Stage:
    """A Ranking Service and the parts around it."""

    published: Published
    bundle: ServingBundle
    profiles: FakeProfiles = field(default_factory=FakeProfiles)
    decisions: FakeDecisions = field(default_factory=FakeDecisions)
    metrics: Metrics = field(default_factory=Metrics)
    deadline: float = 5.0
    count: int | None = None
    near: tuple[str, ...] = ()
    now: int = 1_500_000_000_000_000

    def __post_init__(self) -> None:
        self.held = [self.bundle]
        self.theirs = [self.bundle.id]
        self.candidates = FakeCandidates(self.published, lambda: list(self.theirs))
        self.service = RankingService(
            self.profiles,  # type: ignore[arg-type]
            self.candidates,  # type: ignore[arg-type]
            self.decisions,
            lambda: list(self.held),
            lambda: self.now,
            self.metrics,
            count=self.count,
            deadline=self.deadline,
            near=self.near,
        )

    def ids(self) -> list[str]:
        return self.published.items[ITEM].to_pylist()


def stored(published: Published) -> BundledItems:
    return BundledItems.open(published.folder, published.recipe)


def open_world(world: RunFolder) -> tuple[Published, ServingBundle]:
    folder = current_bundle(world.registry)
    return Published.load(folder), ServingBundle.load(folder)


def nobody(user_id: str | None) -> Profile:
    return Profile(user_id, "empty", 0, {}, {}, {}, (), ())


def known_1N(published: Published, ids: Sequence[str]) -> sparse.csr_array:
    rows = pc.index_in(pa.array(ids, pa.string()), value_set=published.items[ITEM]).drop_null().to_numpy()
    shape = (1, published.items.num_rows)
    return sparse.csr_array((np.ones(len(rows)), (np.zeros(len(rows), dtype=np.int64), rows)), shape=shape)
