from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from dlrs.errors import ArtifactError
from dlrs.features.rows import FeatureSpace
from dlrs.model.network import Network
from dlrs.samples.pairs import Pairs
from dlrs.settings.training import Training
from dlrs.training.checkpoint import Checkpoint, identify
from dlrs.training.run import EpochResult, Run, best_epoch
from dlrs.training.validation import Validation

TWO_ADAMS = Training(similarity_optimiser="separate")


@pytest.fixture(params=[(), ("price",)], ids=["no numbers", "one number"])
def run(request: pytest.FixtureRequest) -> Run:
    network = Network(FeatureSpace(request.param, ("make",), (3,)))
    run = Run.begin(network, TWO_ADAMS)
    for weight in network.parameters():
        weight.grad = torch.rand_like(weight)
    for optimiser in run.optimisers.values():
        optimiser.step()
    run.progress.pairs, run.progress.loss_sum, run.progress.step = 3, 0.1 + 0.2, 2
    run.finish_epoch(Validation(1 / 3, accuracy=2 / 3))
    return run


def another(run: Run) -> Run:
    return Run.begin(Network(run.network.space), TWO_ADAMS)


def test_a_run_comes_back_whole(run: Run, tmp_path: Path) -> None:
    Checkpoint(tmp_path / "file", "me").save(run)
    back = another(run)
    Checkpoint(tmp_path / "file", "me").restore(back)
    assert back.progress == run.progress
    Checkpoint(tmp_path / "again", "me").save(back)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "file").read_bytes()


def test_without_a_file_a_run_stays_as_it_is(run: Run, tmp_path: Path) -> None:
    before = run.progress
    Checkpoint(tmp_path / "file", "me").restore(run)
    assert run.progress is before


def test_a_save_that_dies_leaves_the_earlier_one(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Checkpoint(tmp_path / "file", "me")
    place.save(run)

    def dies(file: Path, content: bytes) -> None:
        file.write_text(repr(content)[:9])
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", dies)
    with pytest.raises(KeyboardInterrupt):
        place.save(run)
    back = another(run)
    place.restore(back)
    assert back.progress == run.progress


@pytest.mark.parametrize("content", [b"", b"half a fi", b"\x08\0\0\0\0\0\0\0no json!"])
def test_a_damaged_file_is_an_error(run: Run, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ArtifactError, match="Delete it"):
        Checkpoint(tmp_path / "file", "me").restore(run)


def test_a_checkpoint_of_another_training_is_an_error(run: Run, tmp_path: Path) -> None:
    Checkpoint(tmp_path / "file", "me").save(run)
    with pytest.raises(ArtifactError, match="other settings"):
        Checkpoint(tmp_path / "file", "you").restore(run)


def pairs(*labels: float, profile: int = 0) -> Pairs:
    rows = np.zeros(len(labels), dtype=np.int64)
    return Pairs(rows + profile, rows, np.array(labels, dtype=np.float32), rows)


def test_the_identity_tells_settings_and_data_apart() -> None:
    identities = {
        identify("a", pairs(0, 1)),
        identify("b", pairs(0, 1)),
        identify("a", pairs(1, 0)),
        identify("a", pairs(0, 1, profile=1)),
        identify("a", pairs(0, 1), pairs()),
        identify("a", pairs()),
    }
    assert len(identities) == 6
    assert identify("a", pairs(0, 1)) == identify("a", pairs(0, 1))


def results(*validations: float | None) -> list[EpochResult]:
    return [EpochResult(0.5, 0.5, None, validation, None) for validation in validations]


@pytest.mark.parametrize(
    ("validations", "expected"),
    [((0.1, 0.3, 0.3, 0.2), 2), ((0.5,), 1), ((-3.0, -2.0), 2), ((None, None, None), 3), ((), 0)],
)
def test_best_epoch(validations: tuple[float | None, ...], expected: int) -> None:
    assert best_epoch(results(*validations)) == expected


@pytest.mark.parametrize(
    ("validations", "patience", "stale"),
    [((), 1, False), ((1,), 1, False), ((1, 0), 1, True), ((1, 0), 2, False), ((1, 0, 1), 2, True)],
)
def test_patience(run: Run, validations: tuple[float, ...], patience: int, stale: bool) -> None:
    run.progress.history = results(*validations)
    assert run.is_stale(patience) is stale
