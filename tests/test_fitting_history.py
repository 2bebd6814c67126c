"""Which way of reading histories a training takes, and what stands beside the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dlrs.fitting import held_back
from dlrs.fitting.both import fit_both, write_both
from dlrs.fitting.held_back import WORTH, Beside, HeldBack
from dlrs.fitting.history import COMPARED, FROM_NOWHERE, fit_history, save_history_net, ways
from dlrs.model.history_forward import NETS, HistoryNets
from dlrs.model.history_net import HistoryNet
from dlrs.model.low_pass import WEIGHT, LowPass
from dlrs.model.nets import open_nets
from dlrs.model.prior import Prior
from dlrs.prepared import Prepared
from dlrs.preparing import prepare
from dlrs.recipe import read_recipe
from dlrs.simulator.marketplace import Simulation, simulate
from dlrs.training import retrieval
from dlrs.training.retrieval import TrainedHistory
from dlrs.training.workers import ALONE


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder: Path = tmp_path_factory.mktemp("market")
    simulate(Simulation(users=60, items=600, weeks=3, seed=3, network="history"), folder)
    (folder / "prepared").mkdir()
    return prepare(read_recipe(folder / "recipe.toml"), folder, folder / "prepared")


RATE = 0.002


def reading(prepared: Prepared, way: str, learning_rate: float = RATE, user_ids: bool = False) -> Prepared:
    settings: dict[str, object] = {
        "user_ids": user_ids,
        "reading": way,
        "learning_rate": learning_rate,
        "width": 8,
        "negatives": 50,
        "epochs": 2,
        "batch_size": 16,
    }
    return with_history(prepared, settings)


def with_history(prepared: Prepared, settings: Mapping[str, object]) -> Prepared:
    history = prepared.recipe.history.model_copy(update=settings)
    return replace(prepared, recipe=prepared.recipe.model_copy(update={"history": history}))


def test_the_best_reading_is_the_one_that_validates_best(prepared: Prepared, tmp_path: Path) -> None:
    alone = {
        (way.reading, way.faster * RATE, way.user_ids): fit_history(
            reading(prepared, way.reading, way.faster * RATE, way.user_ids),
            tmp_path / name,
            ALONE,
            until=prepared.validation_period,
        ).best_validation
        for name, way in COMPARED.items()
    }
    assert len({*alone.values()}) == len(COMPARED)
    validated, refit = fit_both(reading(prepared, "best"), tmp_path / "best", ALONE)
    assert isinstance(validated, TrainedHistory)
    assert isinstance(refit, TrainedHistory)
    best = max(alone, key=alone.__getitem__)
    assert validated.best_validation == alone[best]
    for network in (validated.network, refit.network):
        chosen = network.settings
        assert (chosen.reading, chosen.learning_rate, chosen.user_ids) == best
    assert len(refit.history) == validated.best_epoch
    facts = write_both((validated, refit), tmp_path / "best", tmp_path / "written")
    assert tuple(facts["refit"][name] for name in ("reading", "learning_rate", "user_ids")) == best
    assert any((tmp_path / "written/tensorboard/validated").iterdir())


def test_a_random_start_is_tried_where_nearly_all_is_new(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = reading(prepared, "best").recipe.history
    assert ways(settings, 0.89) == COMPARED
    assert ways(settings, 0.9).keys() - COMPARED.keys() == {FROM_NOWHERE}
    assert ways(settings.model_copy(update={"start": "random"}), 1.0) == COMPARED

    def worth(self: HeldBack, nets: HistoryNets, **_: object) -> float:
        return float(nets.settings.start == "random")

    monkeypatch.setattr(HeldBack, "ndcg", worth)
    monkeypatch.setattr(HeldBack, "new_share", 1.0)
    validated, refit = fit_both(with_history(reading(prepared, "best"), {"epochs": 1}), tmp_path, ALONE)
    for trained in (validated, refit):
        assert isinstance(trained, TrainedHistory)
        assert (trained.network.settings.start, trained.network.settings.reading) == ("random", "set")
    facts = write_both((validated, refit), tmp_path, tmp_path / "written")
    assert facts["refit"]["start"] == "random"


def test_a_partner_that_helps_stands_beside_both_networks(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_back.Beside, "is_worth_it", lambda one, other, _: one.ndcg > other.ndcg)
    changed = with_history(
        reading(prepared, "best"), {"start": "random", "learning_rate": 0.02, "prior": False}
    )
    both = validated, refit = fit_both(changed, tmp_path / "best", ALONE)
    assert isinstance(validated, TrainedHistory)
    assert isinstance(refit, TrainedHistory)
    assert validated.partner is not None
    assert refit.partner is not None
    assert validated.partner.share == refit.partner.share > 0
    first, chosen, again = (
        one.network.settings for one in (validated, validated.partner.trained, refit.partner.trained)
    )
    assert again == chosen != first
    assert len(refit.partner.trained.history) == validated.partner.trained.best_epoch
    facts = write_both(both, tmp_path / "best", tmp_path / "written")
    assert facts["refit"]["partner"]["share"] == validated.partner.share
    written = open_nets(tmp_path / "written/validated")
    assert isinstance(written, HistoryNets)
    judge = HeldBack.of(prepared, int(prepared.starts_Q[prepared.validation_period]))
    assert judge.ndcg(written) > validated.best_validation


def test_a_partner_may_be_the_same_from_another_seed(prepared: Prepared, tmp_path: Path) -> None:
    changed = with_history(reading(prepared, "set"), {"partner": "seed", "epochs": 1})
    validated, refit = fit_both(changed, tmp_path, ALONE)
    for trained in (validated, refit):
        assert isinstance(trained, TrainedHistory)
        assert trained.partner is not None
        assert trained.partner.share == 0.5
        seeds = [one.network.settings.seed for one in (trained, trained.partner.trained)]
        assert seeds == [0, 1]
        first, other = (one.network.state_dict()["table"] for one in (trained, trained.partner.trained))
        assert not torch.equal(first, other)


def test_how_many_are_trained_at_once_changes_no_bit(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = with_history(reading(prepared, "set"), {"partner": "seed", "epochs": 1})
    written = {}
    for at_once in (1, 2):
        work = tmp_path / str(at_once)
        both = fit_both(changed, work / "work", ALONE, at_once)
        write_both(both, work / "work", work)
        written[at_once] = [(work / name / NETS).read_bytes() for name in ("validated", "refit")]
        monkeypatch.setattr(retrieval, "_step", not_here)
    assert written[1] == written[2]


def not_here(*_: object) -> None:
    raise AssertionError("a step in the process that should have found both networks trained")


def test_a_recipe_may_do_without_a_partner(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_back.HeldBack, "partner", lambda *_: ("attention", 0.5))
    changed = with_history(reading(prepared, "best"), {"partner": "none"})
    assert fit_history(changed, tmp_path, ALONE, until=prepared.validation_period).partner is None


def test_a_partner_that_does_not_help_is_left_out(prepared: Prepared) -> None:
    judge = HeldBack.of(prepared, int(prepared.starts_Q[prepared.validation_period]))
    network = HistoryNet(prepared.encoding.space, prepared.recipe.history, torch.ones(1), types=4)
    weights = {name: tensor.detach().numpy() for name, tensor in network.state_dict().items()}
    nets = HistoryNets(network.space, network.settings, weights)
    assert judge.partner(nets, {"itself": nets}, prior=True) is None
    assert judge.partner(nets, {}, prior=True) is None


def test_ids_of_users_that_are_not_asked_for_tell_nothing(prepared: Prepared, tmp_path: Path) -> None:
    assert prepared.encoding.space.own_categorical == ("user_id",)
    until = prepared.validation_period
    without = fit_history(reading(prepared, "set"), tmp_path / "without", ALONE, until=until)
    assert not without.network.own_table.any()
    with_ids = fit_history(reading(prepared, "set", user_ids=True), tmp_path / "with", ALONE, until=until)
    assert with_ids.network.own_table.any(dim=1).float().mean() > 0.9


def test_a_network_is_validated_with_the_prior_that_suits_it(prepared: Prepared, tmp_path: Path) -> None:
    until = prepared.validation_period
    judge = HeldBack.of(prepared, int(prepared.starts_Q[until]))
    changed = with_history(reading(prepared, "set"), {"epochs": 1})
    trained = fit_history(changed, tmp_path / "with", ALONE, until=until)
    weights = {name: tensor.numpy() for name, tensor in trained.network.state_dict().items()}
    nets = HistoryNets(trained.network.space, trained.network.settings, weights)
    assert trained.best_validation == judge.ndcg(nets, prior=True) > judge.ndcg(nets)
    without = fit_history(with_history(changed, {"prior": False}), tmp_path / "without", ALONE, until=until)
    assert without.best_validation == judge.ndcg(nets)


def test_a_second_opinion_that_helps_stands_beside_both_networks(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An epoch at a rate of next to nothing from a random start: what is linear knows more."""
    assert not HeldBack.of(prepared, int(prepared.starts_Q[prepared.validation_period])).is_settled
    monkeypatch.setattr(held_back, "NEW", 1)  # ads come and go here
    monkeypatch.setattr(held_back, "ERRORS", 0)  # there are too few users to be sure
    settings = {"start": "random", "learning_rate": 1e-6, "epochs": 1, "prior": False}
    validated, refit = fit_both(with_history(reading(prepared, "set"), settings), tmp_path / "random", ALONE)
    assert isinstance(validated, TrainedHistory)
    assert isinstance(refit, TrainedHistory)
    assert validated.low_pass is not None
    assert refit.low_pass is not None
    assert validated.low_pass.weight == refit.low_pass.weight > 0
    assert (validated.low_pass.table_KV != refit.low_pass.table_KV).any()  # of a longer log
    assert validated.prior is None
    save_history_net(validated, tmp_path / "written")
    written = open_nets(tmp_path / "written")
    assert isinstance(written, HistoryNets)
    judge = HeldBack.of(prepared, int(prepared.starts_Q[prepared.validation_period]))
    alone = HistoryNets(written.space, written.settings, {**written.weights, WEIGHT: np.zeros(1)})
    assert judge.ndcg(written) > judge.ndcg(alone) * WORTH


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ([0.1, 0.1, 0.1, 0.1], True),
        ([0.002, 0.002, 0.002, 0.002], False),  # less than a hundredth of .4
        ([0.4, -0.2, 0.3, -0.1], False),  # .1 with a standard error of .127
        ([0.2, 0.02, 0.2, 0.02], True),  # .11 with one of .045
    ],
)
def test_better_means_by_enough_and_by_more_than_chance(gains: list[float], expected: bool) -> None:
    before = Beside(np.full(4, 0.4))
    assert Beside(before.ndcg_U + np.array(gains) + 1e-9).is_worth_it(before, held_back.ERRORS) is expected


def test_where_users_turn_to_what_is_new_no_second_opinion_is_asked(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_back.Beside, "is_worth_it", lambda *_: True)
    until = prepared.validation_period
    assert fit_history(reading(prepared, "set"), tmp_path, ALONE, until=until).low_pass is None


def test_a_recipe_may_do_without_what_stands_beside(prepared: Prepared, tmp_path: Path) -> None:
    settings = {"start": "random", "learning_rate": 1e-6, "epochs": 1, "prior": False, "low_pass": False}
    changed = with_history(reading(prepared, "set"), settings)
    trained = fit_history(changed, tmp_path, ALONE, until=prepared.validation_period)
    assert trained.prior is None
    assert trained.low_pass is None


def test_what_says_nothing_does_not_stand_beside(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    until = prepared.validation_period
    trained = fit_history(reading(prepared, "set"), tmp_path, ALONE, until=until)
    judge = HeldBack.of(prepared, int(prepared.starts_Q[until]))
    columns = prepared.encoding.space.columns
    noise_KV = np.random.default_rng(0).standard_normal((columns, 8)).astype(np.float32)
    numbers_CV = np.zeros((len(prepared.encoding.space.continuous), 8), dtype=np.float32)
    weights = {name: tensor.numpy() for name, tensor in trained.network.state_dict().items()}
    nets = HistoryNets(trained.network.space, trained.network.settings, weights)
    for table_KV in (noise_KV, np.zeros_like(noise_KV)):
        found = judge.beside(nets, LowPass(numbers_CV, table_KV, 1.0), prior=True)
        assert found.low_pass is None
        assert found.prior is not None
    assert found.ndcg >= judge.ndcg(nets)
    monkeypatch.setattr(held_back, "fit_prior", lambda *_, **__: Prior(50, -50, -50, 50))
    assert judge.beside(nets, None, prior=True).prior is None
