"""The second opinion: what it adds to a logit, and that the vectors stay fit for any metric."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dlrs.model.history_forward import HistoryNets, Tokens, load_history, save_history
from dlrs.model.low_pass import LowPass
from model.test_history_net import in_numpy, items, reading, users

W = 3
WEIGHT = 0.7


@pytest.fixture
def low_pass() -> LowPass:
    """Return one whose outward vectors are shorter than 1."""
    rng = np.random.default_rng(5)
    numbers_CV, table_KV = (0.2 * rng.standard_normal((rows, 2 * W)) for rows in (1, 8))
    return LowPass(numbers_CV.astype(np.float32), table_KV.astype(np.float32), WEIGHT)


def tokens(nets: HistoryNets) -> Tokens:
    """Return two users: one met items 0 and 3, the other 2, 1 and 4."""
    place_E, type_E = np.array([0, 3, 2, 1, 4]), np.array([1, 0, 1, 1, 0])
    return Tokens(np.array([0, 2, 5]), place_E, type_E, nets.item_vectors(items()))


@pytest.mark.parametrize("way", ["attention", "mean", "both", "set"])
def test_a_logit_gains_the_weighted_mean_of_products(way: str, low_pass: LowPass) -> None:
    alone = in_numpy(reading(way))
    both = alone.with_low_pass(low_pass)
    logits = [
        nets.every_logit(
            nets.embed_users(users(2), tokens(nets)), nets.item_halves(nets.embed_items(items()))
        )
        for nets in (alone, both)
    ]
    item_NV = both.item_vectors(items())[:, alone.settings.width :]
    inward_NW, outward_NW = item_NV[:, :W], item_NV[:, W:]
    mean_UW = np.array([inward_NW[[0, 3]].mean(axis=0), inward_NW[[2, 1, 4]].mean(axis=0)])
    np.testing.assert_allclose(logits[1] - logits[0], WEIGHT * mean_UW @ outward_NW.T, atol=1e-5)


def test_sums_of_embeddings_are_hand_computed(low_pass: LowPass) -> None:
    """Item 1 has id 1 and the tags 0 and 1, half each, which count as their roots; its price is −1."""
    nets = in_numpy(reading("set")).with_low_pass(low_pass)
    item_NV = nets.item_vectors(items())[:, nets.settings.width :]
    table_KV = low_pass.table_KV
    expected_V = table_KV[1] + 0.5**0.5 * (table_KV[5] + table_KV[6]) - low_pass.numbers_CV[0]
    np.testing.assert_allclose(item_NV[1], expected_V, atol=1e-6)


def test_all_items_are_equally_long_so_that_every_metric_orders_alike(low_pass: LowPass) -> None:
    nets = in_numpy(reading("set")).with_low_pass(low_pass)
    items_NJ = nets.embed_items(items()).embedding_ND
    user_J = nets.embed_users(users(2), tokens(nets)).embedding_ND[0]
    np.testing.assert_allclose(np.linalg.norm(items_NJ, axis=1), 2**0.5, rtol=1e-6)
    product_N = items_NJ @ user_J
    distance_N = np.linalg.norm(items_NJ - user_J, axis=1)
    np.testing.assert_array_equal(np.argsort(-product_N), np.argsort(distance_N))


@pytest.mark.parametrize(
    "nothing",
    [
        None,
        Tokens(
            np.zeros(3, dtype=np.int64),
            *[np.empty(0, dtype=np.int64)] * 2,
            np.empty((0, 8 + 2 * W), dtype=np.float32),
        ),
    ],
)
def test_who_met_nothing_has_no_second_opinion(low_pass: LowPass, nothing: Tokens | None) -> None:
    alone = in_numpy(reading("both"))
    both = alone.with_low_pass(low_pass)
    none = np.empty(0, dtype=np.int64)
    nothing = Tokens(np.zeros(3, dtype=np.int64), none, none, both.item_vectors(items().take(none)))
    for tokens in (None, nothing):
        found_UJ = both.embed_users(users(2), tokens).embedding_ND
        np.testing.assert_array_equal(found_UJ[:, :8], alone.embed_users(users(2)).embedding_ND)
        np.testing.assert_array_equal(found_UJ[:, 8:], 0)


def test_only_the_last_events_count(low_pass: LowPass) -> None:
    """The network looks back at four."""
    nets = in_numpy(reading("set")).with_low_pass(low_pass)
    found = []
    for places in ([0, 4, 3, 2, 1], [4, 3, 2, 1]):
        type_E = np.zeros(len(places), dtype=np.int64)
        met = Tokens(np.array([0, len(places)]), np.array(places), type_E, nets.item_vectors(items()))
        found.append(nets.embed_users(users(1), met).embedding_ND)
    np.testing.assert_array_equal(*found)


def test_it_is_read_as_it_was_written(tmp_path: Path, low_pass: LowPass) -> None:
    nets = in_numpy(reading("set")).with_low_pass(low_pass)
    save_history(nets, tmp_path)
    again = load_history(tmp_path)
    assert again.low_pass is not None
    assert again.low_pass.weight == pytest.approx(WEIGHT)
    np.testing.assert_array_equal(
        again.embed_items(items()).embedding_ND, nets.embed_items(items()).embedding_ND
    )
