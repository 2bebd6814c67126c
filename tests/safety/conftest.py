from __future__ import annotations

import pytest

from dlrs import pipeline
from safety.verbs import NEWER, OLDER, Finished, simulate_quick


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    runs = []
    for seed in (OLDER, NEWER):
        run = tmp_path_factory.mktemp("finished")
        folders = pipeline.run(simulate_quick(run, seed), run)
        pipeline.describe(folders.prepared, run / "described")
        runs.append(run)
    return Finished(*runs)
