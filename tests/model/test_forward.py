from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from dlrs.arrays import NO_ITEM
from dlrs.errors import ArtifactError
from dlrs.features.rows import EncodedRows, FeatureSpace
from dlrs.model import forward
from dlrs.model.forward import ItemHalves, Representations, elu, load_nets
from dlrs.model.network import Network, save_nets, without_torch
from dlrs.model.tower import row_tensors

RandomRows = Callable[..., EncodedRows]


@pytest.fixture
def network(space: FeatureSpace) -> Network:
    torch.manual_seed(0)
    network = Network(space).eval()
    torch.nn.init.normal_(network.user_net.wide)
    torch.nn.init.normal_(network.item_net.wide)
    return network


def test_elu_in_place() -> None:
    values = np.array([-200, -1, -1e-4, 0, 1e-4, 3, 200], dtype=np.float32)
    expected = [-1, np.expm1(-1), np.expm1(-1e-4), 0, 1e-4, 3, 200]
    assert elu(values) is values
    np.testing.assert_allclose(values, expected, atol=1e-7)


def test_numpy_gives_the_numbers_of_torch(
    network: Network, random_rows: RandomRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward, "ROWS", 3)  # several blocks and threads, though there are few rows
    monkeypatch.setattr(forward, "BLOCK", 4)
    monkeypatch.setattr(forward, "TASK", 12)
    users = random_rows(network.space, 7, "user")
    items = random_rows(network.space, 11, "item", seed=1)
    rows_UT = np.random.default_rng(0).integers(0, 11, (7, 6))
    with torch.no_grad():
        user_reps, item_reps = network.user_net(row_tensors(users)), network.item_net(row_tensors(items))
        user_B = torch.arange(7).repeat_interleave(6)
        expected_B = network.logits(user_reps, item_reps, user_B, torch.from_numpy(rows_UT.ravel()))

    nets = without_torch(network)
    embedded_users, embedded_items = nets.embed_users(users), nets.embed_items(items)
    logits_UT = nets.logits(embedded_users, nets.item_halves(embedded_items), rows_UT)

    one_T = nets.logits_of_one(embedded_users.take(np.array([2])), embedded_items.take(rows_UT[2]))
    np.testing.assert_allclose(one_T, logits_UT[2], atol=1e-6, rtol=1e-6)

    close = {"atol": 1e-5, "rtol": 1e-5}
    np.testing.assert_allclose(embedded_users.embedding_ND, user_reps.embedding_BD.numpy(), **close)
    np.testing.assert_allclose(embedded_users.wide_N, user_reps.wide_B.numpy(), **close)
    np.testing.assert_allclose(embedded_items.embedding_ND, item_reps.embedding_BD.numpy(), **close)
    np.testing.assert_allclose(embedded_items.wide_N, item_reps.wide_B.numpy(), **close)
    np.testing.assert_allclose(logits_UT, expected_B.reshape(7, 6).numpy(), **close)
    assert logits_UT.dtype == np.float32


@pytest.mark.parametrize(("users", "candidates"), [(1, 1), (3, 513), (600, 2), (2, 0), (0, 5)])
def test_blocks_do_not_show(users: int, candidates: int) -> None:
    """Scored one by one or all at once, a pair has the same logit."""
    torch.manual_seed(0)
    nets = without_torch(Network(FeatureSpace(("price",), ("make",), (9,))))
    rng = np.random.default_rng(0)
    embedded = Representations(
        rng.normal(size=(users, 5)).astype(np.float32), rng.random(users).astype(np.float32)
    )
    halves = ItemHalves(rng.normal(size=(20, 16)).astype(np.float32), rng.random(20).astype(np.float32))
    rows_UT = rng.integers(0, 20, (users, candidates))
    logits_UT = nets.logits(embedded, halves, rows_UT)
    assert logits_UT.shape == rows_UT.shape
    if logits_UT.size:
        one_by_one = nets.logits(embedded.take(np.array([users - 1])), halves, rows_UT[-1:, -1:])
        assert logits_UT[-1, -1] == pytest.approx(one_by_one[0, 0], abs=1e-5)


@pytest.mark.parametrize(("users", "items"), [(3, 1100), (0, 4), (2, 0)])
def test_every_pair_is_scored_as_chosen_ones_are(users: int, items: int) -> None:
    torch.manual_seed(0)
    nets = without_torch(Network(FeatureSpace(("price",), ("make",), (9,))))
    rng = np.random.default_rng(0)
    embedded = Representations(
        rng.normal(size=(users, 5)).astype(np.float32), rng.random(users).astype(np.float32)
    )
    halves = ItemHalves(rng.normal(size=(items, 16)).astype(np.float32), rng.random(items).astype(np.float32))
    rows_UT = np.broadcast_to(np.arange(items), (users, items))
    logits_UN = nets.every_logit(embedded, halves)
    assert logits_UN.dtype == np.float32
    np.testing.assert_allclose(logits_UN, nets.logits(embedded, halves, rows_UT), atol=1e-5)


def test_padding_scores_below_everything(random_rows: RandomRows) -> None:
    space = FeatureSpace(("price",), ("make",), (9,))
    nets = without_torch(Network(space))
    users = nets.embed_users(random_rows(space, 2, "user"))
    halves = nets.item_halves(nets.embed_items(random_rows(space, 3, "item")))
    logits_UT = nets.logits(users, halves, np.array([[0, NO_ITEM], [2, 1]]))
    assert np.isneginf(logits_UT).tolist() == [[False, True], [False, False]]


def test_saved_nets_give_the_same_numbers(network: Network, random_rows: RandomRows, tmp_path: Path) -> None:
    save_nets(network, tmp_path / "nets")
    loaded = load_nets(tmp_path / "nets")
    users = random_rows(network.space, 5, "user")
    assert loaded.space == network.space
    embedded, expected = loaded.embed_users(users), without_torch(network).embed_users(users)
    assert np.array_equal(embedded.embedding_ND, expected.embedding_ND)
    assert np.array_equal(embedded.wide_N, expected.wide_N)


def test_a_folder_without_nets_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="expected networks"):
        load_nets(tmp_path)


def test_damaged_nets_are_an_error(tmp_path: Path) -> None:
    save_nets(Network(FeatureSpace((), ("make",), (2,))), tmp_path)
    (tmp_path / forward.NETS).write_bytes(b"\x10\0\0\0\0\0\0\0not a header....")
    with pytest.raises(ArtifactError, match="Train them anew"):
        load_nets(tmp_path)


def test_serving_needs_no_torch() -> None:
    code = "import sys, dlrs.model.forward; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
