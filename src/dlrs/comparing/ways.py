"""Ways: every index and strategy over one network's embeddings, measured one after the other."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from dlrs.arrays import Ints
from dlrs.candidates.askers import Askers
from dlrs.candidates.building import build_index, load_index
from dlrs.candidates.clusters import Clusters
from dlrs.candidates.generator import Candidates
from dlrs.candidates.index import ItemIndex
from dlrs.candidates.retrieval import Retrieval
from dlrs.candidates.strategies import build_strategy
from dlrs.candidates.vectors import ItemVectors
from dlrs.comparing.grid import KNOBS, Grid
from dlrs.comparing.measuring import Find, Measured, Question, measure
from dlrs.model.forward import Representations
from dlrs.settings.candidates import Candidates as Settings


@dataclass(frozen=True)
class Built:
    """What an index costs beside the time of its answers."""

    objective: str
    index: str
    build_seconds: float  # CPU seconds
    bytes_an_item: float  # beside the vectors


@dataclass(frozen=True)
class Ways:
    """One network's users and items, and what strategies need beside an index."""

    objective: str
    question: Question
    askers: Askers
    vectors: ItemVectors
    clusters: Clusters
    recent_A: Ints  # events that each item drew of late
    settings: Settings

    def measure(self, index: str, grid: Grid) -> tuple[Built, list[Measured]]:
        """Build an index, and measure every strategy over it."""
        settings = self._settings(index=index)
        started = time.process_time()
        with threadpool_limits(limits=1):
            built = build_index(self.vectors, settings)
        seconds = time.process_time() - started
        cost = Built(self.objective, index, seconds, built.size / max(1, len(self.vectors)))
        return cost, [*self._by_count(built, settings, grid), *self._by_effort(built, settings, grid)]

    def _by_count(self, index: ItemIndex, settings: Settings, grid: Grid) -> Iterator[Measured]:
        for strategy in grid.strategies:
            find = self._find(index, self._settings(index=settings.index, strategy=strategy))
            named = self.objective, settings.index, strategy
            for count in grid.counts_of(len(self.vectors)):
                yield measure(self.question, find, count, named=named)

    def _by_effort(self, index: ItemIndex, settings: Settings, grid: Grid) -> Iterator[Measured]:
        """Look at more and at less of the index, for the first strategy."""
        if settings.index not in KNOBS:
            return
        knob, named = KNOBS[settings.index], (self.objective, settings.index, grid.strategy)
        with tempfile.TemporaryDirectory() as folder:
            index.save(Path(folder))
            for effort in (effort for effort in grid.efforts if effort != 1):
                turned = {knob: max(1, round(effort * settings.model_dump()[knob]))}
                changed = self._settings(index=settings.index, strategy=grid.strategy, **turned)
                find = self._find(load_index(Path(folder), self.vectors, changed), changed)
                yield measure(self.question, find, grid.count, named=named, effort=effort)

    def _find(self, index: ItemIndex, settings: Settings) -> Find:
        pairs = self.question.pairs
        retrieval = Retrieval(index, self.clusters, self.recent_A)

        def score(users: Representations, rows_UK: Ints) -> Any:
            return pairs.nets.logits(users, pairs.items, rows_UK)

        strategy = build_strategy(retrieval, settings, score)

        def find(some: Ints, count: int) -> Candidates:
            return strategy.candidates(self.askers.take(some), count, pairs.known_UA[some])

        return find

    def _settings(self, **changed: object) -> Settings:
        return Settings.model_validate(self.settings.model_dump() | changed)
