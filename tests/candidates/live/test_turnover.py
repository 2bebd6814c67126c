"""After every item was replaced five times over, an index finds what it found at first."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dlrs.arrays import Floats
from dlrs.candidates.live.live_index import LiveIndex
from dlrs.model.forward import Representations
from dlrs.settings.candidates import Candidates

N, WIDTH, K = 4000, 8, 50


def _groups(rng: np.random.Generator, count: int) -> Floats:
    centres = rng.normal(size=(30, WIDTH))
    return (centres[rng.integers(0, 30, count)] + 0.4 * rng.normal(size=(count, WIDTH))).astype(np.float32)


def _recall(live: LiveIndex, queries: Floats, vectors: Floats, ids: list[str]) -> float:
    """Of the K nearest, by brute force."""
    best = np.argsort(-(queries @ vectors.T / np.linalg.norm(vectors, axis=1)), axis=1)[:, :K]
    found = live.search(queries, K)
    shares = [len({ids[row] for row in best[user]} & set(found.ids(user))) / K for user in range(len(best))]
    return float(np.mean(shares))


def test_recall_after_five_turnovers(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    vectors, ids = _groups(rng, N), [str(number) for number in range(N)]
    settings = Candidates(index="ivf", probes=12)
    LiveIndex.create(tmp_path / "live", ids, Representations(vectors, vectors[:, 0]), settings)
    with LiveIndex.open(tmp_path / "live", fold_at=N // 3) as live:
        first = _recall(live, _groups(rng, 100), vectors, ids)
        for turn in range(1, 6):
            vectors, older = _groups(rng, N), ids
            ids = [f"{turn}-{number}" for number in range(N)]
            for start in range(0, N, 200):
                some = slice(start, start + 200)
                live.upsert(ids[some], Representations(vectors[some], vectors[some, 0]))
                live.delete(older[some])
        live.fold()
        last = _recall(live, _groups(rng, 100), vectors, ids)
        assert len(live) == N
    assert 0.8 < first < 0.999
    assert last > first - 0.02
